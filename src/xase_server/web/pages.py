"""Pages of a list, by offset or by cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from xase_server.domain.decisions import Page
from xase_server.domain.errors import invalid_field
from xase_server.services.views import View
from xase_server.web.answer import Answer, list_answer
from xase_server.web.call import Call
from xase_server.web.cursors import Position, question
from xase_server.web.parameters import MAX_OFFSET, Integer, Parameter, Text

PAGING: Final = (
    Parameter(name="limit", kind=Integer(1, 100), default=20, example=20, description="How many items a page holds."),
    Parameter(name="offset", kind=Integer(0, MAX_OFFSET), default=0, example=0, description="How many items to skip."),
    Parameter(
        name="cursor",
        kind=Text(128),
        example="AQAAAAAAAAAUAAAAAAAAABQ…",
        description="`next_cursor` of the page before, with the same filters. Pages by cursor neither skip nor "
        "repeat an item while new ones arrive. Not together with `offset`.",
    ),
)
_PLACE: Final = {"limit", "offset", "cursor"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a list that a request asks for; `after` continues a page before."""

    asked: bytes
    limit: int
    offset: int
    after: int | None

    def page(self, *, descending: bool) -> Page:
        """The part as storages are asked for it."""
        return Page(self.limit, 0 if self.after is not None else self.offset, self.after, descending)


def read_stretch(call: Call) -> Stretch:
    """The part that a call asks for; raises `invalid_cursor`, or `validation_error` for two answers to one question."""
    query = call.query
    assert call.endpoint is not None
    asked = question(call.endpoint.name, _criteria(call))
    cursor = query["cursor"]
    if cursor is None:
        return Stretch(asked, query["limit"], query["offset"], None)
    if query["offset"]:
        raise invalid_field("offset", "Not together with cursor", summary="Invalid query parameters")
    position = call.site.cursors.open(cursor, call.who.organisation, asked)
    return Stretch(asked, query["limit"], position.offset, position.after)


def _criteria(call: Call) -> dict[str, Any]:
    said = {name: value for name, value in call.query.items() if name not in _PLACE and value is not None}
    return said | call.path


def page_answer(call: Call, stretch: Stretch, rows: Sequence[View], total: int, next_after: int | None) -> Answer:
    """The page and, unless it is the last, a cursor to the next."""
    next_cursor = None
    if next_after is not None:
        position = Position(next_after, stretch.offset + len(rows))
        next_cursor = call.site.cursors.make(call.who.organisation, stretch.asked, position)
    return list_answer(rows, total=total, limit=stretch.limit, offset=stretch.offset, next_cursor=next_cursor)


def counted_answer(call: Call, stretch: Stretch, rows: Sequence[View], total: int) -> Answer:
    """The page of a short list whose cursors are offsets: what is new in it comes last."""
    end = stretch.offset + len(rows)
    return page_answer(call, stretch, rows, total, end if rows and end < total else None)
