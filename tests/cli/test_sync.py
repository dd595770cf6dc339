"""`xase sync`: what was captured while the server could not be reached."""

from typing import Any

import httpx2
import pytest

import xase


def unreachable(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("no route", request=request)


@pytest.fixture
def capture(server, tmp_path):
    """Takes decisions into the spool of `xase_`, of a process that could not reach the server."""

    def take(*bodies: dict[str, Any]) -> list[str]:
        with xase.Client(
            api_key=server.key,
            base_url=server.address,
            transport=httpx2.MockTransport(unreachable),
            spool=tmp_path / "spool.db",
            spool_limits=xase.SpoolLimits(exit_flush=0.0),
        ) as client:
            return [client.records.capture(**body) for body in bodies]

    return take


def body(model_id: str, **fields: object) -> dict[str, Any]:
    return {"model_id": model_id, "input": {}, "output": {}, **fields}


def test_an_empty_spool_has_nothing_to_deliver(xase_):
    answer = xase_("sync", "--json")
    assert (answer.code, answer.json) == (0, {"delivered": 0, "waiting": 0, "foreign": 0, "set_aside": []})


def test_what_was_captured_is_delivered_once(xase_, capture):
    capture(body("spooled"), body("spooled"))
    assert xase_("sync", "--json").json["delivered"] == 2
    assert xase_("sync", "--json").json["delivered"] == 0
    assert xase_("records", "list", "--model-id", "spooled", "--json").json["total"] == 2


def test_what_the_server_refuses_is_set_aside_with_code_8_until_it_is_discarded(xase_, capture):
    (refused,) = capture(body("refused", confidence=7))
    answer = xase_("sync", "--json")
    assert answer.code == 8
    (aside,) = answer.json["set_aside"]
    assert (aside["id"], aside["slug"]) == (refused, "validation_error")
    assert refused in xase_("sync").out
    assert xase_("sync", "--resubmit", refused).code == 8
    assert xase_("sync", "--discard", refused).code == 0


def test_an_id_that_is_not_set_aside_is_not_found(xase_):
    assert xase_("sync", "--discard", "nobody").code == 4
