"""The server under test, with one more endpoint: `POST /v1/echo` goes the way of `POST /v1/records` but for the ledger.

The same connection handling, authentication, rate limit, strict parsing and validation, and an answer of the same
shape; only nothing is sealed, queued, made durable or looked up. With `evidence` off, data leaves without an entry.
Both exist here and nowhere else.
"""

import sys
from pathlib import Path

from msgspec import to_builtins

from xase_server.app import create_app
from xase_server.commands import listening
from xase_server.domain.decisions import NewDecision
from xase_server.domain.principals import RECORDS_WRITE
from xase_server.services import releases
from xase_server.settings import Settings
from xase_server.web import application
from xase_server.web.answer import Answer, json_answer
from xase_server.web.call import Call
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.endpoints import ENDPOINTS

DIGEST = "sha256:" + 64 * "0"
SEALED = {
    "id": "rec_0123456789abcdef",
    "hash": DIGEST,
    "previous_hash": DIGEST,
    "sequence": 1,
    "created_at": "2025-01-15T14:32:00.000Z",
    "interventions": [],
}


async def echo(call: Call) -> Answer:
    """What was sent, with the fields that a record would have."""
    return json_answer({**to_builtins(call.body), **SEALED}, 201)


ECHO = Endpoint(
    method="POST",
    path="/v1/echo",
    name="echo",
    access=RECORDS_WRITE,
    summary="Only for measuring",
    handler=echo,
    answers={201: Reply(description="What was sent")},
    group="Benchmarks",
    body=NewDecision,
)


async def unrecorded(*_: object) -> None:
    """In place of a release's entry: what delivering costs without evidence."""


def main(home: str, ready_file: str, database: str = "", roots: str = "", evidence: str = "on") -> None:
    """Serve a home until SIGTERM; the address is in `ready_file` when it is ready."""
    vars(application)["ENDPOINTS"] = (*ENDPOINTS, ECHO)
    if evidence == "off":
        vars(releases)["Releases"].commit = unrecorded
    listening.end_quietly_on_signals()
    listener = listening.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    settings = Settings(home=Path(home), port=port, database=database, rate_limit=1_000_000_000, dataset_roots=roots)
    listening.run(create_app(settings), listener, f"http://127.0.0.1:{port}", Path(ready_file))


if __name__ == "__main__":
    main(*sys.argv[1:])
