"""Data in a session: pages, bulk, single records (docs/spec/api.md, section 6).

    admitted → planned → rows taken, shaped and encoded → release in the ledger (COMMIT POINT) → answered

What changes between admission and commit makes the release stale; it is then decided anew.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from msgspec import Raw, convert
from msgspec.json import decode

from xase_server.delivery.numbers import run_of
from xase_server.delivery.records import json_records, json_values
from xase_server.delivery.rows import rows_of
from xase_server.delivery.shape import MAX_COMPUTED_ROWS
from xase_server.domain.errors import Refused, not_found
from xase_server.domain.principals import Principal
from xase_server.ports import Numbers, Table, TableSchema
from xase_server.query.match import matches
from xase_server.query.nodes import TRUE, And
from xase_server.query.refusal import EvaluationError, refuse
from xase_server.query.rewrite import simplified
from xase_server.services.ahead import Ahead
from xase_server.services.anew import until_it_stands
from xase_server.services.grants import Gate, Visit
from xase_server.services.planning import Plan, Planner, View, readable
from xase_server.services.reading import Reader
from xase_server.services.releases import Release, Releases, new_batch_id
from xase_server.services.wanted import Via, Wanted

_MOST_REMEMBERED: Final = 4_096


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes on: behind so many records of what the query finds; `batch_id` remembers the query."""

    position: int
    batch_id: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request for data: a new query, what comes behind a place, or both when they belong together."""

    via: Via
    most: int
    wanted: Wanted | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some data records: `records` is a JSON list, `next` where the answer goes on (None at the end)."""

    batch_id: str
    records: Raw
    count: int
    next: Place | None
    total: int


class Data:
    """Reads data records for the sessions of the caller's organisation."""

    def __init__(self, gate: Gate, planner: Planner, releases: Releases, reader: Reader) -> None:
        self.gate = gate
        self.planner = planner
        self.releases = releases
        self._reader = reader
        self._asked: dict[bytes, Wanted] = {}
        self._ahead = Ahead(taken, asyncio.to_thread)

    # ------------------------------------------------------------------ pages

    async def page(self, who: Principal, session_id: str, ask: Ask) -> Page:
        """The next records, at most so many, of a new query or behind a place; released when this returns.

        Raises what admission raises, `invalid_query`, `invalid_cursor`, and `unavailable` when the ledger
        cannot be written: then no data leaves.
        """
        async with self.gate.entered(who, session_id, ask.via) as visit:
            with readable():
                return await until_it_stands(partial(self._page, visit, ask))

    async def _page(self, visit: Visit, ask: Ask) -> Page:
        grant = await visit.grant()
        wanted = await self.wanted(ask)
        plan = await self.planner.plan(grant, wanted)
        start = 0 if ask.place is None else ask.place.position
        numbers, position = plan.step(start, ask.most)
        following = None if ask.place is None else await self._ahead.records(plan, range(start, position))
        records = await self._encoded(plan, numbers) if following is None else following
        batch_id = new_batch_id()
        release = Release(via=ask.via, numbers=numbers, fields=plan.shape.fields, asked=wanted.plain, size=len(records))
        await self.releases.commit(grant, batch_id, release)
        self.remember(wanted)
        place = Place(position, batch_id, wanted.digest) if position < len(plan.selection) else None
        return Page(batch_id, Raw(records), len(numbers), place, plan.total)

    async def _encoded(self, plan: Plan, numbers: Numbers) -> bytes:
        """`records_of`, on a thread where it may have to wait for the store."""
        work = partial(records_of, plan, numbers)
        return await self.planner.run(work) if plan.view.keeps_tokens else work()

    async def wanted(self, ask: Ask) -> Wanted:
        """The query: the caller's, or the one that a place belongs to; both must be the same."""
        if ask.place is None:
            return ask.wanted or Wanted()
        earlier = self._asked.get(ask.place.digest) or await self._recalled(ask.place)
        if ask.wanted is not None and ask.wanted.digest != earlier.digest:
            raise Refused("invalid_cursor", "The cursor belongs to another query", {"reason": "other_query"})
        return earlier

    async def _recalled(self, place: Place) -> Wanted:
        """The query of the release that a place comes from, from its ledger entry's part."""
        found = await self._reader.point(lambda reads: reads.any_entry(place.batch_id))
        part = None if found is None else found[2].get("query")
        wanted = None if part is None else convert(decode(part.canonical), Wanted)
        if wanted is None or wanted.digest != place.digest:
            raise Refused("invalid_cursor", "The cursor's query is no longer known", {"reason": "expired"})
        return wanted

    def remember(self, wanted: Wanted) -> None:
        """Keep a query that has been released under, so that its cursors need not read it from the ledger."""
        if len(self._asked) >= _MOST_REMEMBERED:
            self._asked.clear()
        self._asked[wanted.digest] = wanted

    # ------------------------------------------------------------------ one record

    async def record(self, who: Principal, session_id: str, record_id: str) -> bytes:
        """One data record as a JSON object; released when this returns. `not_found` also for a row out of reach."""
        async with self.gate.entered(who, session_id, "get_record") as visit:
            with readable():
                return await until_it_stands(partial(self._record, visit, record_id))

    async def _record(self, visit: Visit, record_id: str) -> bytes:
        grant = await visit.grant()
        plan = await self.planner.plan(grant, Wanted())
        number = plan.view.version.number_of(record_id)
        numbers = within_reach(plan.view, np.array([] if number is None else [number], dtype=np.int64))
        if not len(numbers):
            raise not_found("record", record_id)
        record = (await self._encoded(plan, numbers))[1:-1]
        release = Release(
            via="get_record",
            numbers=numbers,
            fields=plan.shape.fields,
            asked={"record_id": record_id},
            size=len(record),
        )
        await self.releases.commit(grant, new_batch_id(), release)
        return record


def taken(plan: Plan, numbers: Numbers) -> Table:
    """The rows with these numbers, in the plan's shape or, where that is computed, with all that it reads."""
    version, columns = plan.view.version, plan.shape.columns
    run = run_of(numbers)
    table = version.take(numbers, columns) if run is None else version.slice(run.start, run.stop, columns)
    return table if plan.shape.computed else plan.shape.apply(table)


def arrow_schema(plan: Plan) -> TableSchema:
    """The Arrow schema of what `taken` gives."""
    return taken(plan, np.empty(0, dtype=np.int64)).schema


def records_of(plan: Plan, numbers: Numbers) -> bytes:
    """The rows with these numbers as a JSON list; raises `invalid_query` when an expression fails on one."""
    if not plan.shape.computed:
        return json_records(taken(plan, numbers), plan.shape.types)
    if len(numbers) > MAX_COMPUTED_ROWS:
        raise refuse("fields", f"Computed fields are given for at most {MAX_COMPUTED_ROWS} records at once")
    try:
        return json_values(plan.shape.rows(taken(plan, numbers)))
    except EvaluationError as error:
        raise refuse("fields", str(error)) from None


def within_reach(view: View, numbers: Numbers) -> Numbers:
    """Those of few rows for which the contract's conditions on rows hold: the reference evaluator asks each alone."""
    condition = simplified(And((view.rows, view.barrier)))
    if condition == TRUE or not len(numbers):
        return numbers
    rows = rows_of(view.source.take(numbers), view.source.schema)
    return numbers[np.array([matches(condition, row) for row in rows], dtype=np.bool_)]
