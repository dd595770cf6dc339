"""Consent withdrawn: from the next batch on, in every open session, the person's data records are gone.

Source: docs/spec/policy.md, section 2.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import UNSET, structs

from xase_server.delivery.bitmap import bytes_of
from xase_server.domain.clock import Clock
from xase_server.domain.consent import WITHDRAWAL, NewWithdrawal
from xase_server.domain.entries import Append, ObjectsChanged, Replayed, Unit, admin_stream
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectRow
from xase_server.domain.principals import Principal
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads
from xase_server.services.anew import until_it_stands
from xase_server.services.descent import Places, places_in
from xase_server.services.documents import dataset_of
from xase_server.services.outcome import Once, Outcome, Remembered, made_before, recall, remember, remembered
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.spread import Reach, Spread
from xase_server.services.versions import moved
from xase_server.services.visibility import find_own_dataset
from xase_server.services.withdrawn import of_subjects, records_part, subject_of, withdrawals


class Consent:
    """Takes withdrawals for the datasets of the caller's organisation."""

    def __init__(self, ledger: Ledger, reader: Reader, spread: Spread, clock: Clock) -> None:
        self._ledger = ledger
        self._reader = reader
        self._spread = spread
        self._clock = clock

    async def withdraw(self, who: Principal, dataset: str, wish: NewWithdrawal, once: Once | None) -> Outcome:
        """The withdrawal, in force for every release from its commit on, and where the person's records had gone.

        Repeating it changes nothing. Raises `not_found`, `validation_error`.
        """
        replayed = await recall(self._reader, once) is not None
        outcome = await until_it_stands(lambda: self._withdraw(who, dataset, wish, once))
        return Outcome(outcome.body, replayed=replayed or outcome.replayed)

    async def _withdraw(self, who: Principal, dataset: str, wish: NewWithdrawal, once: Once | None) -> Outcome:
        row = await self._reader.point(lambda reads: find_own_dataset(reads, who.organisation, dataset))
        condition = of_subjects(row, [wish.subject])
        known = await self._reader.scan(lambda reads: _known(reads, row.id, wish.subject))
        reach = await self._spread.find(row, condition)
        identifier, replayed = known or new_id("wdr"), False
        if known is None:
            claim = remember(once, Remembered(ids=[identifier]))
            # COMMIT POINT: no release that follows in the ledger holds a record of this person
            committed = await self._ledger.append(Unit(tuple(self._appends(who, wish, identifier, reach)), claim))
            if isinstance(committed, Replayed):  # another server has answered the same request
                (identifier,), replayed = made_before(remembered(committed)), True
        affected = await self._spread.of(reach)
        return Outcome({"withdrawal_id": identifier, "dataset_id": row.id, **affected}, replayed=replayed)

    def _appends(self, who: Principal, wish: NewWithdrawal, identifier: str, reach: Reach) -> Iterator[Append]:
        """The withdrawal's entry, and one for each dataset made of this one that holds the person's records."""
        reason = {} if wish.reason is UNSET else {"reason": wish.reason}
        yield self._append(
            who, reach.row, identifier, {}, {"subject": wish.subject, **reason, **_records(reach.places)}
        )
        rows = {each.row.id: each.row for each in reach.descendants if each.held}
        for name, row in rows.items():
            records = _records(places_in(reach.descendants, name))
            yield self._append(who, row, new_id("wdr"), {"follows": identifier}, records)

    def _append(
        self, who: Principal, row: ObjectRow, identifier: str, facts: Mapping[str, Any], parts: Mapping[str, Any]
    ) -> Append:
        before = dataset_of(row)
        after = moved(row, structs.replace(before, withdrawn=before.withdrawn + 1))
        return make_append(
            identifier=identifier,
            type="consent_withdrawn",
            stream=admin_stream(row.organisation),
            principal=who,
            body={"dataset_id": row.id, "number": before.withdrawn + 1, **facts},
            parts={"principal": who.email, **parts},
            effect=ObjectsChanged((after, self._row(row, identifier))),
        )

    def _row(self, dataset: ObjectRow, identifier: str) -> ObjectRow:
        return ObjectRow(
            kind=WITHDRAWAL,
            id=identifier,
            organisation=dataset.organisation,
            revision=1,
            document=b"{}",
            created_ms=self._clock.now_ms(),
            status="ACTIVE",
            parent=dataset.id,
        )


def _known(reads: Reads, dataset_id: str, subject: Any) -> str | None:
    """The withdrawal of this person that there is already."""
    rows = withdrawals(reads, dataset_id)
    return next((row.id for row in rows if subject_of(reads, row.id) == subject), None)


def _records(places: Places) -> Mapping[str, Any]:
    """Of each version which records, so that a verifier sees that none of them left afterwards."""
    return {records_part(version): b64encode(bytes_of(numbers)).decode() for version, numbers in places.items()}
