"""The audit trail (docs/spec/api.md, section 9)."""

import csv
from collections.abc import AsyncGenerator, Callable, Sequence
from io import StringIO
from typing import Any, Final

from msgspec.json import encode

from xase_server.domain.errors import invalid_field
from xase_server.services.trail import TrailFilter
from xase_server.services.views import View
from xase_server.web.answer import Answer, json_answer
from xase_server.web.call import Call
from xase_server.web.cursors import Position, question

_LINES: Final = b"application/x-ndjson"
_TABLE: Final = b"text/csv"
_COLUMNS: Final = ("id", "type", "time", "index", "stream", "sequence", "hash", "organisation", "key", "body")
_AT_ONCE: Final = 500
_CRITERIA: Final = ("type", "object", "actor", "start_date", "end_date")


async def list_audit(call: Call) -> Answer:
    """The organisation's own entries, newest first: a page, or all as NDJSON or CSV."""
    wanted, before = _wanted(call), _before(call)
    media = next((media for media in (_LINES, _TABLE) if call.accepts(media)), None)
    if media is not None:
        first = await call.services.trail.page(call.who, wanted, before, _AT_ONCE)
        answer = Answer(media=media, chunks=_export(call, wanted, *first, as_text=_TEXT[media]))
    else:
        rows, following = await call.services.trail.page(call.who, wanted, before, call.query["limit"])
        answer = json_answer({"data": rows, "next_cursor": _cursor(call, following)})
    answer.headers.append((b"vary", b"Accept"))
    return answer


async def _export(
    call: Call,
    wanted: TrailFilter,
    rows: Sequence[View],
    following: int | None,
    *,
    as_text: Callable[[Sequence[View]], bytes],
) -> AsyncGenerator[bytes | memoryview]:
    if as_text is _table:
        yield _csv([_COLUMNS])
    while True:
        yield as_text(rows)
        if following is None:
            return
        rows, following = await call.services.trail.page(call.who, wanted, following, _AT_ONCE)


def _lines(rows: Sequence[View]) -> bytes:
    return b"".join(encode(row) + b"\n" for row in rows)


def _table(rows: Sequence[View]) -> bytes:
    """Rows of CSV; what an entry says is one field of JSON."""
    flat = (row | row["actor"] | {"body": encode(row["body"]).decode()} for row in rows)
    return _csv([[row.get(name) for name in _COLUMNS] for row in flat])


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


_TEXT: Final = {_LINES: _lines, _TABLE: _table}


def _wanted(call: Call) -> TrailFilter:
    wanted = TrailFilter(*(call.query[name] for name in _CRITERIA))
    if wanted.since_ms is not None and wanted.until_ms is not None and wanted.since_ms >= wanted.until_ms:
        raise invalid_field("start_date", "Must not be after end_date", summary="Invalid query parameters")
    return wanted


def _before(call: Call) -> int | None:
    cursor = call.query["cursor"]
    return None if cursor is None else call.site.cursors.open(cursor, call.who.organisation, _asked(call)).after


def _cursor(call: Call, following: int | None) -> str | None:
    if following is None:
        return None
    return call.site.cursors.make(call.who.organisation, _asked(call), Position(following, 0))


def _asked(call: Call) -> bytes:
    return question("list_audit", {name: call.query[name] for name in _CRITERIA if call.query[name] is not None})
