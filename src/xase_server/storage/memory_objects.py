"""Objects, usage and deliveries in plain dictionaries: what the databases are held to."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from xase_server.domain.decisions import Page
from xase_server.domain.entries import Part, SealedEntry, Used
from xase_server.domain.objects import EVERYWHERE, ModelUse, ObjectQuery, ObjectRef, ObjectRow, Usage
from xase_server.domain.quotas import NONE_COUNTED, Counted
from xase_server.ports import DeliveryRow, ObjectPage, Unwritable
from xase_server.storage.journal import Journal, Kept


class MemoryObjects:
    """Part of a memory storage's state; what the dictionaries hold is replaced, never changed."""

    def __init__(self, journal: Journal) -> None:
        self.rows: Kept[ObjectRef, ObjectRow] = Kept(journal)
        self.names: Kept[tuple[str, str, str], ObjectRef] = Kept(journal)
        self.places: Kept[ObjectRef, int] = Kept(journal)
        self.used: Kept[str, Usage] = Kept(journal)
        self.counts: Kept[tuple[str, int], Counted] = Kept(journal)
        self.releases: Kept[tuple[str, int, int], tuple[int, ...]] = Kept(journal)
        self.models: Kept[tuple[str, str, str, str], ModelUse] = Kept(journal)

    def change(self, rows: Iterable[ObjectRow], entry: SealedEntry) -> None:
        """Put the objects in place; Unwritable for a name in use."""
        for row in rows:
            self._rename(row)
            self.rows[row.ref] = row
            self.places.setdefault(row.ref, entry.index)

    def _rename(self, row: ObjectRow) -> None:
        """Take the name that the object has from now on, and give back what it had."""
        before = self.rows.get(row.ref)
        if before is not None and before.name is not None:
            del self.names[before.kind, before.name, before.organisation]
        if row.name is not None and self.names.setdefault((row.kind, row.name, row.organisation), row.ref) != row.ref:
            raise Unwritable(f"the name of {row.id} is in use")

    def use(self, effect: Used, entry: SealedEntry) -> None:
        """Add what a session used, move on what that is paid from, and file its release."""
        self.change(effect.objects, entry)
        for account in (effect.session, *effect.accounts):
            before = self.used.get(account, Usage())
            self.used[account] = Usage(
                before.records + effect.records,
                before.bytes + effect.bytes,
                before.queries + effect.queries,
                before.operations + effect.operations,
                entry.time_ms,
            )
        for rate in effect.rates:
            period, requests = rate.now(self.counts.get(rate.key, NONE_COUNTED), entry.time_ms)
            self.counts[rate.key] = Counted(period, requests + 1)
        if effect.delivery is not None:
            for block in effect.delivery.blocks:
                place = (effect.delivery.dataset, effect.delivery.version, block)
                self.releases[place] = (*self.releases.get(place, ()), entry.index)
        if effect.model is not None:
            self._use_model(effect.model, entry.time_ms)

    def _use_model(self, use: ModelUse, time_ms: int) -> None:
        key = (use.organisation, use.model_id, use.session, use.type)
        before = self.models.get(key)
        first_ms = time_ms if before is None else before.first_ms
        operations, records = (0, 0) if before is None else (before.operations, before.records)
        self.models[key] = structs.replace(
            use,
            operations=operations + use.operations,
            records=records + use.records,
            first_ms=first_ms,
            last_ms=time_ms,
        )

    def revisions(self, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
        """The revisions of the objects that exist."""
        return {ref: self.rows[ref].revision for ref in refs if ref in self.rows}

    def usage(self, accounts: Sequence[str]) -> Mapping[str, Usage]:
        """What these accounts have used."""
        return {name: self.used[name] for name in accounts if name in self.used}

    def counted(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
        """The newest counts."""
        return {key: self.counts[key] for key in keys if key in self.counts}

    def page(self, query: ObjectQuery, page: Page) -> ObjectPage:
        """A page of objects and the exact total."""
        wanted = [(self.places[ref], row) for ref, row in self.rows.items() if _is_wanted(row, query)]
        matching = sorted(wanted, key=lambda each: each[0])
        ordered = matching[::-1] if page.descending else matching
        if page.after is not None:
            sign = -1 if page.descending else 1
            ordered = [each for each in ordered if sign * each[0] > sign * page.after]
        found = ordered[page.offset : page.offset + page.limit]
        more = len(ordered) > page.offset + page.limit
        return ObjectPage([row for _, row in found], len(matching), found[-1][0] if found and more else None)

    def ended(self, kind: str, status: str, now_ms: int, limit: int) -> Sequence[ObjectRow]:
        """Objects of this status whose end has come, longest ago first."""
        found = [
            row
            for row in self.rows.values()
            if (row.kind, row.status) == (kind, status) and row.ends_ms is not None and row.ends_ms <= now_ms
        ]
        return sorted(found, key=lambda row: row.ends_ms or 0)[:limit]

    def releases_of(self, dataset: str, version: int, block: int) -> list[int]:
        """The entries of releases that may hold records of this block."""
        places = ((dataset, version, each) for each in (block, EVERYWHERE))
        return sorted(index for place in places for index in self.releases.get(place, ()))


class MemoryObjectReads:
    """The part of `xase_server.ports.Reads` that is about objects."""

    def __init__(self, held: MemoryObjects, entries: Sequence[bytes], parts: Mapping[int, Mapping[str, Part]]) -> None:
        self._held = held
        self._entries = entries
        self._parts = parts

    def object(self, ref: ObjectRef) -> ObjectRow | None:
        """See `Reads.object`."""
        return self._held.rows.get(ref)

    def revisions(self, refs: Sequence[ObjectRef]) -> Mapping[ObjectRef, int]:
        """See `Reads.revisions`."""
        return self._held.revisions(refs)

    def objects(self, query: ObjectQuery, page: Page) -> ObjectPage:
        """See `Reads.objects`."""
        return self._held.page(query, page)

    def ended(self, kind: str, status: str, now_ms: int, limit: int) -> Sequence[ObjectRow]:
        """See `Reads.ended`."""
        return self._held.ended(kind, status, now_ms, limit)

    def usage(self, accounts: Sequence[str]) -> Mapping[str, Usage]:
        """See `Reads.usage`."""
        return self._held.usage(accounts)

    def counted(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Counted]:
        """See `Reads.counted`."""
        return self._held.counted(keys)

    def model_uses(
        self,
        *,
        organisation: str | None = None,
        model_id: str | None = None,
        dataset: str | None = None,
        session: str | None = None,
    ) -> Sequence[ModelUse]:
        """See `Reads.model_uses`."""
        found = [
            use
            for use in self._held.models.values()
            if organisation in {None, use.organisation}
            and model_id in {None, use.model_id}
            and dataset in {None, use.dataset}
            and session in {None, use.session}
        ]
        return sorted(found, key=lambda use: (use.first_ms, use.session, use.type))

    def deliveries(self, dataset: str, version: int, block: int) -> Sequence[DeliveryRow]:
        """See `Reads.deliveries`."""
        found = self._held.releases_of(dataset, version, block)
        return [DeliveryRow(index, self._entries[index], dict(self._parts.get(index, {}))) for index in found]


def _is_wanted(row: ObjectRow, query: ObjectQuery) -> bool:
    if row.kind != query.kind or query.parent not in {None, row.parent}:
        return False
    ended = query.now_ms is not None and row.ends_ms is not None and row.ends_ms <= query.now_ms
    status = query.ended if ended and row.status in {"ACTIVE", "PENDING"} else row.status
    return (
        query.owner in {None, row.organisation}
        and query.name in {None, row.name}
        and query.status in {None, status}
        and query.visible_to in {None, row.organisation, row.partner}
        and (query.since_ms is None or query.since_ms <= row.created_ms)
        and (query.until_ms is None or row.created_ms < query.until_ms)
    )
