"""The map of tokens: values get theirs before anything that shows them can leave (docs/spec/policy.md, section 6)."""

from collections.abc import Sequence
from typing import Final

from xase_server.domain.errors import unavailable
from xase_server.domain.randomness import random_bytes
from xase_server.domain.tokens import TOKEN_BYTES
from xase_server.ports import Storage, StorageUnavailable
from xase_server.transforms.keys import Keys
from xase_server.transforms.specs import Domain
from xase_server.transforms.tokenizing import Places

_AT_ONCE: Final = 8_192
"""Values to a transaction: appends of this server wait while one is written."""


class TokenMap:
    """Gives values their tokens; all servers on one store give the same."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def give(self, keys: Keys, domain: Domain, values: Sequence[str]) -> list[bytes]:
        """See `GiveTokens`. Raises `unavailable` when the map cannot be read or written: then nothing may leave."""
        places = Places(keys)
        try:
            pieces = (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
            return [token for piece in pieces for token in self._given(places, domain, piece)]
        except StorageUnavailable as error:
            raise unavailable("The map of tokens cannot be read or written now") from error

    def _given(self, places: Places, domain: Domain, values: Sequence[str]) -> list[bytes]:
        names = places.names(domain, values)
        known = dict(self._storage.read(lambda reads: reads.tokens(names)))
        new = [(name, value) for name, value in zip(names, values, strict=True) if name not in known]
        if new:
            random = random_bytes(TOKEN_BYTES * len(new))
            tokens = (random[at : at + TOKEN_BYTES] for at in range(0, len(random), TOKEN_BYTES))
            rows = [places.place(name, token, value, domain) for (name, value), token in zip(new, tokens, strict=True)]
            # COMMIT POINT: a token is durable before its release can be
            known.update(self._storage.keep_tokens(rows))
        return [known[name] for name in names]
