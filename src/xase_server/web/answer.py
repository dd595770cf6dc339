"""What a handler gives back, before the pipeline adds what every answer carries."""

from collections.abc import AsyncGenerator, Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct, field
from msgspec.json import Encoder

from xase_server.services.outcome import Outcome
from xase_server.services.views import View

JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"
TEXT: Final = b"text/plain; charset=utf-8"

Header = tuple[bytes, bytes]

_encode: Final = Encoder().encode


class Answer(Struct, eq=False):
    """Status, body and the headers of its own; `chunks` in place of a body streams, of unknown length unless `size` is.

    `etag` is set by hand where the body's digest is known without reading it; `policy` is the
    content security policy.
    """

    body: bytes = b""
    status: int = 200
    media: bytes = JSON
    headers: list[Header] = field(default_factory=list)
    chunks: AsyncGenerator[bytes | memoryview] | None = None
    etag: bytes | None = None
    policy: bytes = b"default-src 'none'; frame-ancestors 'none'"
    size: int | None = None


def json_answer(value: Any, status: int = 200) -> Answer:
    """The value as JSON."""
    return Answer(_encode(value), status)


def outcome_answer(outcome: Outcome, status: int = 200) -> Answer:
    """What a use case made, marked when it is the answer of an earlier request."""
    answer = Answer(_encode(outcome.body), status)
    if outcome.replayed:
        answer.headers.append((b"idempotency-replayed", b"true"))
    return answer


def created_answer(outcome: Outcome, folder: str) -> Answer:
    """201 with the place of the new object."""
    answer = outcome_answer(outcome, 201)
    answer.headers.append((b"location", f"{folder}/{outcome.body['id']}".encode()))
    return answer


def placed_answer(outcome: Outcome, place: str, *, is_done: bool = True) -> Answer:
    """201 for what came into being at this address, 202 while its making goes on."""
    answer = outcome_answer(outcome, 201 if is_done else 202)
    answer.headers.append((b"location", place.encode()))
    return answer


def list_answer(rows: Sequence[View], *, total: int, limit: int, offset: int, next_cursor: str | None) -> Answer:
    """One page of a list."""
    return json_answer({"data": rows, "total": total, "limit": limit, "offset": offset, "next_cursor": next_cursor})


def tag_of(body: bytes) -> bytes:
    """A strong entity tag: the start of the body's SHA-256, quoted."""
    return b'"%b"' % sha256(body).hexdigest()[:32].encode()


def is_known(tag: bytes, if_none_match: bytes) -> bool:
    """Whether the caller already has this tag (RFC 9110, section 13.1.2: weak comparison)."""
    known = [each.strip().removeprefix(b"W/") for each in if_none_match.split(b",")]
    return tag in known or b"*" in known
