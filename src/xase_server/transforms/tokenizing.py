"""`tokenize`: values replaced by random tokens, which their holder alone can follow back by a sealed map.

A token says nothing of its value, so it has to be remembered. The map is found by a keyed hash of the value
and holds the value sealed: who has the map without the master key can neither read it nor look anything up.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from xase.proof.keys import KeyMaterialError, SmallSeal
from xase_server.delivery.nesting import Array
from xase_server.domain.tokens import TokenRow
from xase_server.transforms.distinct import texts
from xase_server.transforms.hashing import digests
from xase_server.transforms.keys import Keys
from xase_server.transforms.memo import Memo, Memory, Results
from xase_server.transforms.specs import Domain

GiveTokens = Callable[[Keys, Domain, Sequence[str]], Sequence[bytes]]
"""The tokens of different texts in a domain: those that they have, or new ones, durable on return. May block."""

USE: Final = "tokenize"

_FORM: Final = re.compile(r"tok_([0-9a-f]{32})")


def tokenized(keys: Keys, domain: Domain, give: GiveTokens, memory: Memory) -> Memo:
    """Of each value its token, `tok_` and 32 hex digits."""

    def made(values: Array) -> Results:
        tokens = give(keys, domain, texts(values)) if len(values) else ()
        return np.array([token_text(each).encode() for each in tokens], "S36")

    return Memo(made, memory, (USE, keys.key(USE, domain)), "S36")


def token_text(token: bytes) -> str:
    """A token as sessions see it."""
    return f"tok_{token.hex()}"


def read_token(text: str) -> bytes | None:
    """The token that a text is, if it is one."""
    found = _FORM.fullmatch(text)
    return None if found is None else bytes.fromhex(found[1])


class Places:
    """Makes and opens the places of one dataset's map."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._seal = SmallSeal(replace(keys, asked=False).key(f"{USE}:seal", "dataset", SmallSeal.KEY_BYTES))

    def names(self, domain: Domain, values: Sequence[str]) -> list[bytes]:
        """What the places of these texts are found by."""
        return digests(self._keys.key(USE, domain), values)

    def place(self, name: bytes, token: bytes, value: str, domain: Domain) -> TokenRow:
        """A place for a text. What it holds opens under this token and session alone."""
        session = self._keys.session_id if domain == "grant" else None
        sealed = self._seal.seal(value.encode(), _context(token, session))
        return TokenRow(name, token, self._keys.dataset_id, session, sealed)

    def value(self, row: TokenRow) -> str | None:
        """The text that a token stands for; None when it was sealed under another master key, or altered."""
        try:
            return self._seal.open(row.sealed, _context(row.token, row.session)).decode()
        except KeyMaterialError:
            return None


def _context(token: bytes, session: str | None) -> tuple[bytes, bytes]:
    return token, (session or "").encode()
