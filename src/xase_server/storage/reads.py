"""Reading, the same for both databases."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import DecodeError, Struct, json

from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import ApiKeyRow, BundleRow, Claim, Part, Stream
from xase_server.ports import (
    AmbiguousPrefix,
    DecisionPage,
    DecisionRow,
    Erasure,
    Head,
    InterventionRow,
    StorageUnavailable,
    StreamHead,
)
from xase_server.storage.identifiers import id_number, id_numbers
from xase_server.storage.lists import list_numbers
from xase_server.storage.objects import ObjectReads
from xase_server.storage.packing import unpack_bundle, unpack_key, unpack_parts
from xase_server.storage.session import Row, Session
from xase_server.storage.tokens import TokenReads
from xase_server.storage.transaction import claim_name


class _Identified(Struct):
    id: str


_decode: Final = json.Decoder(_Identified).decode


def _identify(raw: bytes) -> str:
    """The id that an entry names; "" when the stored entry is damaged, which the audit will say."""
    try:
        return _decode(raw).id
    except DecodeError:
        return ""


class SqlReads(ObjectReads, TokenReads):
    """Implements `xase_server.ports.Reads` over a session."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session

    def head(self) -> Head:
        """The end of the log."""
        return read_head(self._session)

    # ------------------------------------------------------------------ decisions

    def decision(self, organisation: str, prefix: str) -> DecisionRow | None:
        """One decision record by id or prefix."""
        first, last = id_numbers(prefix)
        found = self._session.rows("numbers_between", organisation=organisation, first=first, last=last)
        if len(found) > 1:
            raise AmbiguousPrefix(prefix)
        rows = self._rows_of(organisation, [number for (number,) in found])
        return rows[0] if rows and rows[0].id.startswith(prefix) else None

    def decisions(self, organisation: str, ids: Sequence[str]) -> Sequence[DecisionRow]:
        """The decision records with these ids."""
        rows = self._rows_of(organisation, list(self._numbered(organisation, ids)))
        return [row for row in rows if row.id in ids]

    def list_decisions(self, organisation: str, criteria: DecisionFilter, page: Page) -> DecisionPage:
        """A page and the exact total."""
        numbers, total, next_after = list_numbers(self._session, organisation, criteria, page)
        found = {row.number: row for row in self._rows_of(organisation, numbers)}
        return DecisionPage([found[number] for number in numbers], total, next_after)

    def interventions(self, organisation: str, record_ids: Sequence[str]) -> Sequence[InterventionRow]:
        """The interventions on these records, oldest first."""
        records = self._numbered(organisation, record_ids)
        rows = self._session.rows("read_interventions", organisation=organisation, numbers=list(records))
        return [
            InterventionRow(_identify(raw), records[number], raw, unpack_parts(packed)) for number, raw, packed in rows
        ]

    def _numbered(self, organisation: str, ids: Sequence[str]) -> dict[int, str]:
        """Number → id of the decision records with these ids."""
        named = {id_number(each): each for each in ids}
        rows = self._session.rows("numbers_of_ids", organisation=organisation, ids=list(named))
        return {number: named[key] for number, key in rows}

    def _rows_of(self, organisation: str, numbers: Sequence[int]) -> list[DecisionRow]:
        if not numbers:
            return []
        rows = self._session.rows("read_decisions", organisation=organisation, numbers=list(numbers))
        return [_decision_row(row) for row in rows]

    # ------------------------------------------------------------------ the log

    def entry(self, organisation: str, identifier: str) -> tuple[int, bytes, Mapping[str, Part]] | None:
        """Index, canonical bytes and existing parts of the entry with this id."""
        rows = self._session.rows("read_entry", organisation=organisation, id=id_number(identifier))
        return _identified(rows, identifier)

    def any_entry(self, identifier: str) -> tuple[int, bytes, Mapping[str, Part]] | None:
        """`entry`, whosoever it is."""
        return _identified(self._session.rows("read_any_entry", id=id_number(identifier)), identifier)

    def entries(self, start: int, limit: int) -> Sequence[bytes]:
        """Canonical bytes of the entries from index `start` on."""
        return [raw for (raw,) in self._session.rows("read_entries", start=start, stop=start + limit)]

    def stream_entries(self, stream: Stream, start: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """(index, canonical bytes) of one chain's entries from sequence `start` on."""
        rows = self._session.rows("read_stream", stream=stream, start=start, stop=start + limit)
        return [(index, raw) for index, raw in rows]

    def streams(self, after: str, limit: int) -> Sequence[tuple[Stream, StreamHead]]:
        """The ends of the chains whose names sort behind `after`, in the order of their names."""
        rows = self._session.rows("stream_heads_after", name=after, limit=limit)
        return [(Stream(name), StreamHead(length, digest)) for name, length, digest in rows]

    def parts(self, start: int, limit: int) -> Mapping[int, Mapping[str, Part]]:
        """The payload parts of the entries with index in [start, start + limit)."""
        rows = self._session.rows("read_parts", start=start, stop=start + limit)
        return {index: unpack_parts(packed) for index, packed in rows}

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile so far."""
        rows = self._session.rows("read_tile", level=level, number=number)
        return rows[0][0] if rows else b""

    def checkpoint(self, at_least: int) -> str | None:
        """The oldest signed checkpoint whose size is at least this."""
        rows = self._session.rows("checkpoint_from", size=at_least)
        return rows[0][0] if rows else None

    def checkpoint_before(self, at_most: int) -> str | None:
        """The newest signed checkpoint whose size is at most this."""
        rows = self._session.rows("checkpoint_until", size=at_most)
        return rows[0][0] if rows else None

    def checkpoints(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """(size, note) of the signed checkpoints larger than `after`, in order."""
        rows = self._session.rows("checkpoints_after", size=after, limit=limit)
        return [(size, note) for size, note in rows]

    # ------------------------------------------------------------------ keys, bundles, claims

    def key(self, digest: bytes) -> ApiKeyRow | None:
        """The API key whose secret has this SHA-256."""
        rows = self._session.rows("key_by_digest", digest=digest)
        return unpack_key(rows[0]) if rows else None

    def keys(self, organisation: str) -> Sequence[ApiKeyRow]:
        """All keys of an organisation, newest first."""
        return [unpack_key(row) for row in self._session.rows("keys_of_organisation", organisation=organisation)]

    def bundle(self, organisation: str, identifier: str) -> BundleRow | None:
        """One bundle's row."""
        rows = self._session.rows("read_bundle", organisation=organisation, id=identifier)
        return unpack_bundle(rows[0][0]) if rows else None

    def bundle_chunk(self, identifier: str, number: int) -> bytes:
        """One piece of the bundle's bytes."""
        rows = self._session.rows("bundle_chunk", id=identifier, number=number)
        return rows[0][0] if rows else b""

    def claim(self, scope: str, key: str) -> Claim | None:
        """A stored idempotency claim."""
        rows = self._session.rows("read_claim", name=claim_name(scope, key))
        return Claim(scope, key, rows[0][0], rows[0][1]) if rows else None


def read_head(session: Session) -> Head:
    """The head row; StorageUnavailable when the store was never initialised."""
    rows = session.rows("read_head")
    if not rows:
        raise StorageUnavailable("the store holds no log yet")
    return Head(*rows[0])


def _identified(rows: Sequence[Row], identifier: str) -> tuple[int, bytes, Mapping[str, Part]] | None:
    """The entry that names this id itself."""
    found = (row for row in rows if _identify(row[1]) == identifier)
    return next(((index, raw, unpack_parts(packed)) for index, raw, packed in found), None)


def _decision_row(row: Row) -> DecisionRow:
    number, intervened, raw, packed, erasure, erasure_packed = row
    return DecisionRow(
        id=_identify(raw),
        number=number,
        intervened=bool(intervened),
        raw=raw,
        parts=unpack_parts(packed),
        erasure=Erasure(erasure, unpack_parts(erasure_packed)) if erasure is not None else None,
    )
