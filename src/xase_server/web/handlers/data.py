"""Data in a session (docs/spec/api.md, section 6)."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from xase_server.delivery.wire import BULK, JSON_PAGE, Encoder, Zstd, chosen
from xase_server.domain.errors import invalid_field
from xase_server.domain.queries import MAX_BULK, MAX_FOUND, MAX_PAGE
from xase_server.query.parse import decode
from xase_server.services.bulk import Bulk
from xase_server.services.data import Ask, Page, Place, arrow_schema
from xase_server.services.planning import Plan
from xase_server.services.views import View
from xase_server.services.wanted import Order, Wanted
from xase_server.web.answer import Answer, json_answer
from xase_server.web.call import Call
from xase_server.web.live import EVENT_STREAM, followed
from xase_server.web.pages import counted_answer, read_stretch

_SUMMARY: Final = "Invalid query parameters"
_DEFAULT_PAGE: Final = 32
_ORDER: Final = ("seed", "epoch", "rank", "world_size", "position")


async def stream(call: Call) -> Answer:
    """The next batch as JSON, or all that is left in bulk."""
    media = chosen(call.headers.get(b"accept", b"").decode("latin-1")) or JSON_PAGE
    if media != JSON_PAGE:
        return await _bulk(call, media)
    page = await call.services.data.page(call.who, call.path["id"], _streamed(call, MAX_PAGE, _DEFAULT_PAGE))
    return json_answer(
        {"batch": page.records, "batch_id": page.batch_id, "record_count": page.count, **_following(call, page)}
    )


async def get_data_record(call: Call) -> Answer:
    """One data record, flat."""
    return Answer(await call.services.data.record(call.who, call.path["id"], call.path["record_id"]))


async def filter_records(call: Call) -> Answer:
    """Data records that match."""
    page = await call.services.data.page(call.who, call.path["id"], _filtered(call))
    return json_answer(
        {
            "records": page.records,
            "record_count": page.count,
            **_following(call, page),
            "total_matched": page.total,
            "batch_id": page.batch_id,
        }
    )


async def aggregate(call: Call) -> Answer:
    """What a pipeline makes of the data."""
    made = await call.services.aggregation.run(call.who, call.path["id"], call.body.pipeline)
    return json_answer(
        {
            "results": made.results,
            "result_count": made.count,
            "aggregation_id": made.aggregation_id,
            "evidence_id": made.evidence_id,
            **({} if made.paid is None else made.paid.view()),
        }
    )


async def list_events(call: Call) -> Answer:
    """The session's ledger entries, as a page or as they come."""
    start, limit = call.query["start"], call.query["limit"]
    if call.accepts(EVENT_STREAM):
        return Answer(media=EVENT_STREAM, chunks=await followed(call, start))
    events, more = await call.services.events.of_session(call.who, call.path["id"], start, limit)
    return json_answer({"data": events, "next_start": start + len(events) if more else None})


async def list_accesses(call: Call) -> Answer:
    """Every delivery of one data record."""
    stretch = read_stretch(call)
    rows = await call.services.events.of_record(call.who, call.path["id"], call.path["record_id"])
    return counted_answer(call, stretch, rows[stretch.offset : stretch.offset + stretch.limit], len(rows))


def _following(call: Call, page: Page) -> View:
    cursor = None if page.next is None else call.site.session_cursors.make(call.path["id"], page.next)
    return {"has_more": cursor is not None, "next_cursor": cursor}


# ---------------------------------------------------------------------------- what is asked


def _streamed(call: Call, most: int, default: int) -> Ask:
    size = call.query["batch_size"]
    if size is not None and not 1 <= size <= most:
        raise invalid_field("batch_size", f"Must be between 1 and {most}", summary=_SUMMARY)
    return Ask(via="stream", most=size or default, wanted=_wanted(call.query), place=_place(call, call.query["cursor"]))


def _wanted(query: Mapping[str, Any]) -> Wanted | None:
    """The query in an address; None when nothing is said of one, so that a cursor speaks for it."""
    shuffle = _order(query)
    if shuffle is None and all(query[name] is None for name in ("filter", "fields", "sort")):
        return None
    return Wanted(
        filter=None if query["filter"] is None else decode(query["filter"].encode(), where="filter"),
        sort=_text_or_json(query["sort"], "sort"),
        fields=_listed(_text_or_json(query["fields"], "fields")),
        shuffle=shuffle,
    )


def _order(query: Mapping[str, Any]) -> Order | None:
    given = {name: query[name] for name in _ORDER if query[name] is not None}
    if query["order"] is None:
        if given:
            raise invalid_field(next(iter(given)), "Only together with order=shuffle", summary=_SUMMARY)
        return None
    order = Order(**({"start": given.pop("position")} if "position" in given else {}), **given)
    if order.rank >= order.world_size:
        raise invalid_field("rank", "Must be below world_size", summary=_SUMMARY)
    return order


def _text_or_json(text: str | None, where: str) -> Any:
    if text is None or text.lstrip()[:1] not in {"{", "["}:
        return text
    return decode(text.encode(), where=where)


def _listed(fields: Any) -> Any:
    return fields.split(",") if isinstance(fields, str) else fields


def _filtered(call: Call) -> Ask:
    body = call.body
    cursor = None if body.cursor is UNSET else body.cursor
    wanted = Wanted(filter=body.filter, sort=body.sort, fields=body.fields, skip=body.skip)
    return Ask(
        via="filter",
        most=body.limit or MAX_FOUND,
        wanted=None if cursor is not None and wanted == Wanted() else wanted,
        place=_place(call, cursor),
    )


def _place(call: Call, cursor: str | None) -> Place | None:
    return None if cursor is None else call.site.session_cursors.open(cursor, call.path["id"])


# ---------------------------------------------------------------------------- bulk


async def _bulk(call: Call, media: str) -> Answer:
    """All that is left of the query, batch by batch."""
    zstd = call.accepts_encoding(b"zstd")
    bulk = Bulk(
        call.services.data,
        call.who,
        call.path["id"],
        encoder=lambda plan: _encoder(media, plan, zstd=zstd),
        cursor=lambda place: call.site.session_cursors.make(call.path["id"], place),
    )
    chunks = await bulk.begin(_streamed(call, MAX_BULK, MAX_BULK))
    headers = [(b"vary", b"Accept, Accept-Encoding"), *([(b"content-encoding", b"zstd")] if zstd else [])]
    return Answer(media=media.encode(), headers=headers, chunks=chunks)


def _encoder(media: str, plan: Plan, *, zstd: bool) -> Encoder:
    encoder = BULK[media](arrow_schema(plan), plan.shape.types)
    return Zstd(encoder) if zstd else encoder
