"""What sessions and models have used, summed up (docs/spec/api.md, section 9)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from xase.proof.entry import parse_time
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import Page
from xase_server.domain.objects import ModelUse, ObjectQuery, ObjectRow, Usage
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import SESSION, Session
from xase_server.ports import Reads
from xase_server.services.daily import Daily
from xase_server.services.documents import session_of
from xase_server.services.endings import read_ending
from xase_server.services.reading import Reader
from xase_server.services.views import View
from xase_server.services.visibility import every_object

GROUPINGS: Final = ("dataset", "session", "model", "day")

_AMOUNTS: Final = ("sessions", "records", "bytes", "queries", "operations")
_HOUR_MS: Final = 3_600_000
_PIECE: Final = 500
_NOTHING_USED: Final = Usage()


@dataclass(frozen=True, slots=True)
class Period:
    """None leaves an end open, `until_ms` is exclusive."""

    since_ms: int | None = None
    until_ms: int | None = None


class UsageReport:
    """Sums what was used in the sessions of the caller's organisation, and in those of others on its datasets.

    The period chooses sessions by when they began; of days it chooses what happened in it.
    """

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def by(self, grouping: str, who: Principal, period: Period) -> Sequence[View]:
        """A row for each dataset or model, ordered by its first session or operation, or for each day."""
        until_ms = self._until(period)

        def work(reads: Reads) -> Sequence[View]:
            if grouping == "day":
                return _by_day(reads, who, period.since_ms, until_ms)
            rows = every_object(reads, _sessions(who, period))
            return _by_model(reads, rows) if grouping == "model" else _by_dataset(reads, rows, until_ms)

        return await self._reader.scan(work)

    async def by_session(self, who: Principal, period: Period, page: Page) -> tuple[Sequence[View], int, int | None]:
        """A page of rows for each session, oldest first, how many there are, and where the next page begins."""
        until_ms = self._until(period)

        def work(reads: Reads) -> tuple[Sequence[View], int, int | None]:
            found = reads.objects(_sessions(who, period), page)
            return list(_session_rows(reads, found.rows, until_ms)), found.total, found.next_after

        return await self._reader.scan(work)

    def _until(self, period: Period) -> int:
        now_ms = self._clock.now_ms()
        return now_ms if period.until_ms is None else min(now_ms, period.until_ms)


def _sessions(who: Principal, period: Period) -> ObjectQuery:
    return ObjectQuery(kind=SESSION, visible_to=who.organisation, since_ms=period.since_ms, until_ms=period.until_ms)


# ---------------------------------------------------------------------------- by session, dataset and day


def _session_rows(reads: Reads, rows: Sequence[ObjectRow], until_ms: int) -> Iterator[View]:
    used = reads.usage([row.id for row in rows])
    for row in rows:
        session = session_of(row)
        named = {"session_id": row.id, "dataset_id": session.dataset_id, "organisation": row.organisation}
        yield named | _amounts(_sums(reads, row, used.get(row.id, _NOTHING_USED), until_ms))


def _by_dataset(reads: Reads, rows: Iterator[ObjectRow], until_ms: int) -> list[View]:
    sums: dict[str, Counter[str]] = {}
    while some := list(islice(rows, _PIECE)):
        used = reads.usage([row.id for row in some])
        for row in some:
            dataset = sums.setdefault(session_of(row).dataset_id, Counter())
            dataset.update(_sums(reads, row, used.get(row.id, _NOTHING_USED), until_ms))
    return [{"dataset_id": dataset_id} | _amounts(of_it) for dataset_id, of_it in sums.items()]


def _by_day(reads: Reads, who: Principal, since_ms: int | None, until_ms: int) -> list[View]:
    daily = Daily(reads, since_ms, until_ms)
    for row in every_object(reads, _sessions(who, Period(until_ms=until_ms))):
        end_ms = _end_ms(reads, session_of(row))
        if since_ms is None or end_ms >= since_ms:
            daily.add(row, end_ms)
    return daily.rows()


def _sums(reads: Reads, row: ObjectRow, used: Usage, until_ms: int) -> Counter[str]:
    """What one session adds to a sum."""
    return Counter(
        sessions=1,
        records=used.records,
        bytes=used.bytes,
        queries=used.queries,
        operations=used.operations,
        open_ms=max(0, min(until_ms, _end_ms(reads, session_of(row))) - row.created_ms),
    )


def _end_ms(reads: Reads, session: Session) -> int:
    """When the session ended or will: somebody ended it, or its time runs out."""
    ended = read_ending(reads, session)
    return session.expires_ms if ended is None else min(session.expires_ms, parse_time(ended.at))


def _amounts(sums: Counter[str]) -> View:
    return {name: sums[name] for name in _AMOUNTS} | {"hours": sums["open_ms"] / _HOUR_MS}


# ---------------------------------------------------------------------------- by model


def _by_model(reads: Reads, rows: Iterator[ObjectRow]) -> list[View]:
    """What operations were recorded for each model; a lab's models are its own, whatever others call theirs."""
    models: dict[tuple[str, str], list[ModelUse]] = {}
    for row in rows:
        for use in reads.model_uses(session=row.id):
            models.setdefault((use.organisation, use.model_id), []).append(use)
    return [_model_view(uses) for uses in sorted(models.values(), key=_beginning)]


def _beginning(uses: list[ModelUse]) -> tuple[int, str, str]:
    return min(use.first_ms for use in uses), uses[0].organisation, uses[0].model_id


def _model_view(uses: list[ModelUse]) -> View:
    return {
        "model_id": uses[0].model_id,
        "organisation": uses[0].organisation,
        "sessions": len({use.session for use in uses}),
        "records": sum(use.records for use in uses),
        "operations": sum(use.operations for use in uses),
    }
