"""Objects as they stand, what sessions used, and which releases touch which records: written and read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from xase_server.domain.decisions import Page
from xase_server.domain.entries import SealedEntry, Used, objects_in
from xase_server.domain.objects import ModelUse, ObjectQuery, ObjectRef, ObjectRow, Usage
from xase_server.domain.quotas import Counted
from xase_server.ports import DeliveryRow, ObjectPage, SealedAppend
from xase_server.storage.names import name_bytes
from xase_server.storage.packing import unpack_parts
from xase_server.storage.session import Row, Session

_BEHIND_ALL: Final = 2**62
_AMOUNTS: Final = ("records", "bytes", "queries", "operations")


def find_revisions(session: Session, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
    """The revisions of these objects; one that does not exist is left out."""
    return {ObjectRef(kind, name): revision for kind, name, revision in session.find("find_revisions", refs)}


def find_usage(session: Session, names: Sequence[str]) -> Mapping[str, Usage]:
    """What these accounts have used; one that used nothing is left out."""
    return {name: Usage(*amounts) for name, *amounts in session.find("find_usage", [(name,) for name in names])}


def find_counted(session: Session, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
    """The newest counts of these; one that has none is left out."""
    found = session.find("find_counted", keys)
    return {(account, period_ms): Counted(*counted) for account, period_ms, *counted in found}


def write_objects(session: Session, appends: Sequence[SealedAppend], organisations: Mapping[str, int]) -> None:
    """Write what a batch changes about objects, in the state in which the batch leaves them.

    `organisations` gives the numbers of the owners and partners.
    """
    first: dict[ObjectRef, tuple[int, int]] = {}
    last: dict[ObjectRef, ObjectRow] = {}
    for each in appends:
        for row in objects_in(each.append.effect):
            first.setdefault(row.ref, (each.entry.index, row.created_ms))
            last[row.ref] = row
    session.many("put_objects", [_object_row(row, organisations, *first[ref]) for ref, row in last.items()])


def _object_row(row: ObjectRow, organisations: Mapping[str, int], index: int, created_ms: int) -> Row:
    return (
        row.kind,
        row.id,
        organisations[row.organisation],
        None if row.partner is None else organisations[row.partner],
        row.parent,
        None if row.name is None else name_bytes(row.name),
        row.status,
        row.revision,
        index,
        created_ms,
        row.ends_ms,
        row.document,
    )


def write_usage(session: Session, appends: Sequence[SealedAppend], organisations: Mapping[str, int]) -> None:
    """Add up what a batch says that accounts and models used; file releases under the blocks that they touch."""
    found = [(each.append.effect, each.entry) for each in appends if isinstance(each.append.effect, Used)]
    amounts: dict[str, Counter[str]] = {}
    last: dict[str, int] = {}
    deliveries: list[Row] = []
    for used, entry in found:
        for account in (used.session, *used.accounts):
            amounts.setdefault(account, Counter()).update({name: getattr(used, name) for name in _AMOUNTS})
            last[account] = entry.time_ms
        if used.delivery is not None:
            dataset, version, blocks = used.delivery.dataset, used.delivery.version, used.delivery.blocks
            deliveries += [(dataset, version, block, entry.index) for block in blocks]
    session.many(
        "add_usage", [(name, *(sum_[each] for each in _AMOUNTS), last[name]) for name, sum_ in amounts.items()]
    )
    session.many("add_counted", _counted_rows(found))
    session.many("add_deliveries", deliveries)
    uses = [(used.model, entry.time_ms) for used, entry in found if used.model is not None]
    session.many("add_model_uses", _model_rows(uses, organisations))


def _counted_rows(found: Sequence[tuple[Used, SealedEntry]]) -> list[Row]:
    """One row for each account and period: the entries of a batch have one time."""
    rows: Counter[tuple[str, int, int]] = Counter()
    for used, entry in found:
        rows.update((*rate.key, entry.time_ms // rate.period_ms) for rate in used.rates)
    return [(*key, requests) for key, requests in rows.items()]


def _model_rows(uses: Sequence[tuple[ModelUse, int]], organisations: Mapping[str, int]) -> list[Row]:
    """One row for each model, session and type, because a statement may change a row only once."""
    rows: dict[Row, list[int]] = {}
    for use, time_ms in uses:
        key = (
            organisations[use.organisation],
            name_bytes(use.model_id),
            use.session,
            use.type,
            use.dataset,
            use.version,
        )
        sums = rows.setdefault(key, [0, 0, time_ms, time_ms])
        sums[0] += use.operations
        sums[1] += use.records
        sums[3] = time_ms
    return [(*key, *sums) for key, sums in rows.items()]


class ObjectReads:
    """The part of `xase_server.ports.Reads` that is about objects."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def object(self, ref: ObjectRef) -> ObjectRow | None:
        """One object."""
        rows = self._session.rows("read_object", kind=ref.kind, id=ref.id)
        return _unpacked(rows[0]) if rows else None

    def revisions(self, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
        """The revisions of these objects."""
        return find_revisions(self._session, refs)

    def objects(self, query: ObjectQuery, page: Page) -> ObjectPage:
        """A page of objects and the exact total."""
        wanted = {
            "kind": query.kind,
            "name": None if query.name is None else name_bytes(query.name),
            "owner": query.owner,
            "viewer": query.visible_to,
            "parent": query.parent,
            "since_ms": query.since_ms,
            "until_ms": query.until_ms,
            "status": query.status,
            "now_ms": query.now_ms,
            "ended": query.ended,
        }
        after = page.after if page.after is not None else (_BEHIND_ALL if page.descending else -1)
        statement = "objects_downward" if page.descending else "objects_upward"
        rows = self._session.rows(statement, **wanted, after=after, limit=page.limit + 1, offset=page.offset)
        ((total,),) = self._session.rows("count_objects", **wanted)
        found = rows[: page.limit]
        next_after = found[-1][0] if len(rows) > page.limit else None
        return ObjectPage([_unpacked(row[1:]) for row in found], total, next_after)

    def ended(self, kind: str, status: str, now_ms: int, limit: int) -> Sequence[ObjectRow]:
        """Objects of this status whose end has come."""
        rows = self._session.rows("ended_objects", kind=kind, status=status, now_ms=now_ms, limit=limit)
        return [_unpacked(row) for row in rows]

    def usage(self, accounts: Sequence[str]) -> Mapping[str, Usage]:
        """What these accounts have used."""
        return find_usage(self._session, accounts)

    def counted(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
        """The newest counts."""
        return find_counted(self._session, keys)

    def model_uses(
        self,
        *,
        organisation: str | None = None,
        model_id: str | None = None,
        dataset: str | None = None,
        session: str | None = None,
    ) -> Sequence[ModelUse]:
        """What models have had of sessions."""
        model = None if model_id is None else name_bytes(model_id)
        keys = {"session": session, "dataset": dataset, "model": model}
        key = next(name for name, value in keys.items() if value is not None)  # each has its index
        rows = self._session.rows(f"model_uses_by_{key}", **{key: keys[key]})
        uses = (ModelUse(owner, name.decode(), *rest) for owner, name, *rest in rows)
        return [
            use
            for use in uses
            if organisation in {None, use.organisation}
            and model_id in {None, use.model_id}
            and dataset in {None, use.dataset}
        ]

    def deliveries(self, dataset: str, version: int, block: int) -> Sequence[DeliveryRow]:
        """The releases that may hold records of this block."""
        rows = self._session.rows("deliveries_of", dataset=dataset, version=version, block=block)
        return [DeliveryRow(index, raw, unpack_parts(packed)) for index, raw, packed in rows]


def _unpacked(row: Row) -> ObjectRow:
    kind, identifier, organisation, revision, document, created_ms, status, partner, parent, name, ends_ms = row
    return ObjectRow(
        kind=kind,
        id=identifier,
        organisation=organisation,
        revision=revision,
        document=document,
        created_ms=created_ms,
        status=status,
        partner=partner,
        parent=parent,
        name=None if name is None else name.decode(),
        ends_ms=ends_ms,
    )
