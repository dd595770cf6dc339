"""Places of the map of tokens destroyed, for persons who are to be forgotten (docs/adr/0022).

    tokens or values → names of their places → places gone, and in the ledger: who, how many, why (COMMIT POINT)

Source: docs/spec/api.md, section 3.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from msgspec import UNSET
from msgspec.json import decode

from xase_server.domain.entries import Replayed, TokensErased, Unit, admin_stream
from xase_server.domain.errors import invalid_field
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import SESSION
from xase_server.domain.tokens import NewTokenErasure
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads
from xase_server.services.outcome import Once, Outcome, Remembered, made_before, recall, remember, remembered
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View
from xase_server.services.visibility import every_object, find_own_dataset
from xase_server.transforms.keys import Keys, Masters
from xase_server.transforms.tokenizing import Places, read_token, token_text

_ASKED: Final = (False, True)


class Forgetting:
    """Destroys the way back from tokens of the datasets of the caller's organisation."""

    def __init__(self, ledger: Ledger, reader: Reader, masters: Masters) -> None:
        self._ledger = ledger
        self._reader = reader
        self._masters = masters

    async def erase(self, who: Principal, dataset: str, wish: NewTokenErasure, once: Once | None) -> Outcome:
        """Which tokens stand for nothing any more; that is durable, and in the ledger, when this returns.

        Raises `not_found`, `validation_error` unless either tokens or values are named, and `unavailable` when the
        ledger cannot be written: then all are as they were.
        """
        if (wish.tokens is UNSET) == (wish.values is UNSET):
            raise invalid_field("tokens", "Name either tokens or values")
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return Outcome(await self._told(who, dataset, wish, *made_before(earlier)), replayed=True)
        row, found = await self._reader.scan(lambda reads: self._find(reads, who, dataset, wish))
        append = make_append(
            identifier=new_id("ers"),
            type="tokens_erased",
            stream=admin_stream(row.organisation),
            principal=who,
            body={"dataset_id": row.id, "erased_count": len(found)},
            parts={"tokens": sorted(found.values()), "reason": wish.reason, "principal": who.email},
            effect=TokensErased(tuple(found)),
        )
        # COMMIT POINT: after it nobody follows these tokens back
        committed = await self._ledger.append(Unit((append,), remember(once, Remembered(ids=[append.id]))))
        replayed = isinstance(committed, Replayed)
        (identifier,) = made_before(remembered(committed)) if isinstance(committed, Replayed) else (append.id,)
        return Outcome(await self._told(who, dataset, wish, identifier), replayed)

    async def _told(self, who: Principal, dataset: str, wish: NewTokenErasure, identifier: str) -> View:
        """What the entry says was erased: the map itself no longer knows."""
        row = await self._reader.point(lambda reads: find_own_dataset(reads, who.organisation, dataset))
        entry = await self._reader.point(lambda reads: reads.any_entry(identifier))
        assert entry is not None, "durable, and nobody erases its parts"
        erased = decode(entry[2]["tokens"].canonical, type=list[str])
        asked = () if wish.tokens is UNSET else dict.fromkeys(wish.tokens)
        return {
            "erasure_id": identifier,
            "dataset_id": row.id,
            "erased": erased,
            "unknown": [token for token in asked if token not in erased],
        }

    def _find(
        self, reads: Reads, who: Principal, dataset: str, wish: NewTokenErasure
    ) -> tuple[ObjectRow, dict[bytes, str]]:
        """The dataset, and name → token of the places that there are."""
        row = find_own_dataset(reads, who.organisation, dataset)
        if wish.tokens is not UNSET:
            read = [token for token in map(read_token, dict.fromkeys(wish.tokens)) if token is not None]
            return row, {each.name: token_text(each.token) for each in reads.token_rows(row.id, read)}
        values = list(dict.fromkeys(unicodedata.normalize("NFC", each) for each in wish.values or ()))
        sessions = [each.id for each in every_object(reads, ObjectQuery(kind=SESSION, parent=row.id))]
        found: dict[bytes, str] = {}
        for names in self._names(row, sessions, values):
            found |= {name: token_text(token) for name, token in reads.tokens(names).items()}
        return row, found

    def _names(self, row: ObjectRow, sessions: Sequence[str], values: Sequence[str]) -> Iterator[list[bytes]]:
        """What places of these texts would be found by: under every master key, for each session and for all."""
        for master, asked in product(self._masters, _ASKED):
            yield Places(Keys(master, row.organisation, row.id, "", asked=asked)).names("dataset", values)
            for session in sessions:
                yield Places(Keys(master, row.organisation, row.id, session, asked=asked)).names("grant", values)
