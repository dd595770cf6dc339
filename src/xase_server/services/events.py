"""What happened in a session, and to a data record, as the ledger has it (docs/spec/api.md, sections 3 and 6)."""

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.json import decode

from xase.proof.digest import format_digest, leaf_hash
from xase_server.delivery.bitmap import contains
from xase_server.domain.entries import session_stream
from xase_server.domain.errors import not_found
from xase_server.domain.objects import BLOCK, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import Session, session_ref
from xase_server.ports import DeliveryRow, Reads
from xase_server.services.documents import dataset_of, session_of
from xase_server.services.planning import Planner
from xase_server.services.reading import Reader
from xase_server.services.sessions import find_session
from xase_server.services.views import View
from xase_server.services.visibility import find_own_dataset


class Events:
    """Reads the chains of sessions for those who use them and for those whose data it is."""

    def __init__(self, reader: Reader, planner: Planner) -> None:
        self._reader = reader
        self._planner = planner

    async def of_session(self, who: Principal, session_id: str, start: int, limit: int) -> tuple[Sequence[View], bool]:
        """The entries of a session's chain from sequence `start` on, and whether there are more."""

        def work(reads: Reads) -> tuple[Sequence[View], bool]:
            find_session(reads, who, session_id)
            stream = session_stream(session_id)
            events = [event_view(raw) for _, raw in reads.stream_entries(stream, start, limit + 1)]
            return events[:limit], len(events) > limit

        return await self._reader.point(work)

    async def of_record(self, who: Principal, dataset: str, record_id: str) -> Sequence[View]:
        """Every delivery of one data record of the caller's dataset, in any version, oldest first."""
        row = await self._reader.point(lambda reads: find_own_dataset(reads, who.organisation, dataset))
        newest = dataset_of(row).version
        places = await self._planner.run(lambda: self._planner.places(row.id, newest, record_id))
        if not places:
            raise not_found("record", record_id)
        return await self._reader.scan(lambda reads: list(_accesses(reads, row.id, places)))


def event_view(raw: bytes) -> View:
    """One entry of a session's chain; what may name a person is not in it."""
    entry = decode(raw)
    kept = ("id", "type", "time", "index", "sequence")
    return {name: entry[name] for name in kept} | {"hash": format_digest(leaf_hash(raw)), "body": entry["body"]}


def _accesses(reads: Reads, dataset_id: str, places: Mapping[int, int]) -> Iterator[View]:
    sessions: dict[str, tuple[ObjectRow, Session]] = {}
    for version, number in places.items():
        for delivery in reads.deliveries(dataset_id, version, number // BLOCK):
            if not _holds(delivery, number):
                continue
            entry = decode(delivery.raw)
            session_id = entry["body"]["session_id"]
            if session_id not in sessions:
                row = reads.object(session_ref(session_id))
                assert row is not None, "a release names its session"
                sessions[session_id] = row, session_of(row)
            yield _access_view(entry, *sessions[session_id])


def _holds(delivery: DeliveryRow, number: int) -> bool:
    """Whether the release has the record; one whose list of records was erased may have had it."""
    part = delivery.parts.get("records")
    return part is None or contains(b64decode(decode(part.canonical)), number)


def _access_view(entry: Mapping[str, Any], row: ObjectRow, session: Session) -> View:
    return {
        "batch_id": entry["id"],
        "session_id": row.id,
        "organisation": row.organisation,
        "purpose": session.asked.purpose,
        "model_id": session.asked.model_id,
        "dataset_version": session.version,
        "via": entry["body"]["via"],
        "fields": entry["body"]["fields"],
        "time": entry["time"],
        "index": entry["index"],
    }
