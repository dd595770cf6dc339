"""Tokens followed back to the values that they stand for, by the holder of the dataset alone.

    tokens → places of the map → values unsealed → in the ledger: who, how many, why (COMMIT POINT) → answered

Source: docs/spec/api.md, section 3.
"""

from collections.abc import Sequence
from typing import Final

from xase_server.domain.entries import Replayed, Unit, admin_stream
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.tokens import NewReversal, TokenRow
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads
from xase_server.services.outcome import Once, Outcome, Remembered, made_before, remember, remembered
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View
from xase_server.services.visibility import find_own_dataset
from xase_server.transforms.keys import Keys, Masters
from xase_server.transforms.tokenizing import Places, read_token, token_text

_TYPE: Final = "tokens_reversed"


class Reversal:
    """Follows back the tokens of the datasets of the caller's organisation."""

    def __init__(self, ledger: Ledger, reader: Reader, masters: Masters) -> None:
        self._ledger = ledger
        self._reader = reader
        self._masters = masters

    async def reverse(self, who: Principal, dataset: str, wish: NewReversal, once: Once | None) -> Outcome:
        """The values, as the text that was replaced; that they were asked for is durable when this returns.

        A token that is none of this dataset's, or that was sealed under a master key that is not here, is among the
        `unknown`. Raises `not_found`, and `unavailable` when the ledger cannot be written: then nothing is told.
        """
        tokens = list(dict.fromkeys(wish.tokens))
        row, found = await self._reader.scan(lambda reads: _found(reads, who, dataset, tokens))
        values = self._opened(row, found)
        append = make_append(
            identifier=new_id("rev"),
            type=_TYPE,
            stream=admin_stream(row.organisation),
            principal=who,
            body={"dataset_id": row.id, "token_count": len(tokens), "reversed_count": len(values)},
            parts={"tokens": tokens, "reason": wish.reason, "principal": who.email},
            effect=None,
        )
        claim = remember(once, Remembered(ids=[append.id]))
        # COMMIT POINT: before it nobody has been told, after it the values may be
        committed = await self._ledger.append(Unit((append,), claim))
        replayed = isinstance(committed, Replayed)
        (identifier,) = made_before(remembered(committed)) if isinstance(committed, Replayed) else (append.id,)
        body = {
            "reversal_id": identifier,
            "dataset_id": row.id,
            "reversed": [values[token] for token in tokens if token in values],
            "unknown": [token for token in tokens if token not in values],
        }
        return Outcome(body, replayed)

    def _opened(self, dataset: ObjectRow, found: Sequence[TokenRow]) -> dict[str, View]:
        """What the tokens stand for, by token; `session_id` is that of the session for which one was made."""
        values: dict[str, View] = {}
        for master in self._masters:
            places = Places(Keys(master, dataset.organisation, dataset.id, session_id=""))
            for row in found:
                token, value = token_text(row.token), places.value(row)
                if value is not None:
                    values[token] = {"token": token, "value": value, "session_id": row.session}
        return values


def _found(reads: Reads, who: Principal, dataset: str, tokens: Sequence[str]) -> tuple[ObjectRow, Sequence[TokenRow]]:
    row = find_own_dataset(reads, who.organisation, dataset)
    read = [token for token in map(read_token, tokens) if token is not None]
    return row, reads.token_rows(row.id, read)
