"""What sessions and models have used, summed up (docs/spec/api.md, section 9)."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from xase.proof.entry import parse_time
from xase_server.domain.clock import Clock
from xase_server.domain.objects import ModelUse, ObjectQuery, ObjectRow, Usage
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import SESSION, Session
from xase_server.ports import Reads
from xase_server.services.documents import session_of
from xase_server.services.endings import read_ending
from xase_server.services.reading import Reader
from xase_server.services.views import View
from xase_server.services.visibility import every_object

GROUPINGS: Final = ("dataset", "session", "model")

_AMOUNTS: Final = ("sessions", "records", "bytes", "queries", "operations")
_HOUR_MS: Final = 3_600_000
_NOTHING_USED: Final = Usage()


@dataclass(frozen=True, slots=True)
class Began:
    """Which sessions count: those that began in this period; None leaves an end open, `until_ms` is exclusive."""

    since_ms: int | None = None
    until_ms: int | None = None


class UsageReport:
    """Sums what was used in the sessions of the caller's organisation, and in those of others on its datasets."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def by(self, grouping: str, who: Principal, began: Began) -> Sequence[View]:
        """A row for each dataset, session or model, ordered by its first session or operation."""
        now_ms = self._clock.now_ms()
        until_ms = now_ms if began.until_ms is None else min(now_ms, began.until_ms)

        def work(reads: Reads) -> Sequence[View]:
            rows = _sessions(reads, who, began)
            if grouping == "model":
                return _by_model(reads, rows)
            return _by_session(reads, rows, _KEYS[grouping], until_ms)

        return await self._reader.scan(work)


def _sessions(reads: Reads, who: Principal, began: Began) -> Iterator[ObjectRow]:
    query = ObjectQuery(kind=SESSION, visible_to=who.organisation, since_ms=began.since_ms, until_ms=began.until_ms)
    return every_object(reads, query)


# ---------------------------------------------------------------------------- by session and dataset

_Key = Callable[[ObjectRow, Session], View]


def _of_dataset(_row: ObjectRow, session: Session) -> View:
    return {"dataset_id": session.dataset_id}


def _of_session(row: ObjectRow, session: Session) -> View:
    return {"session_id": row.id, "dataset_id": session.dataset_id, "organisation": row.organisation}


_KEYS: Final[dict[str, _Key]] = {"dataset": _of_dataset, "session": _of_session}


def _by_session(reads: Reads, rows: Iterator[ObjectRow], key: _Key, until_ms: int) -> list[View]:
    sums: dict[tuple[str, ...], Counter[str]] = {}
    keys: dict[tuple[str, ...], View] = {}
    for row in rows:
        session = session_of(row)
        named = key(row, session)
        place = tuple(named.values())
        keys.setdefault(place, named)
        sums.setdefault(place, Counter()).update(_used(reads, row, session, until_ms))
    return [keys[place] | _amounts(sums[place]) for place in keys]


def _used(reads: Reads, row: ObjectRow, session: Session, until_ms: int) -> dict[str, int]:
    """What one session adds to a sum."""
    used = reads.usage([row.id]).get(row.id, _NOTHING_USED)
    return {
        "sessions": 1,
        "records": used.records,
        "bytes": used.bytes,
        "queries": used.queries,
        "operations": used.operations,
        "open_ms": max(0, min(until_ms, _end_ms(reads, session)) - row.created_ms),
    }


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
