"""The map of tokens in plain dictionaries: what the databases are held to."""

from collections.abc import Mapping, Sequence

from xase_server.domain.tokens import TokenRow
from xase_server.storage.journal import Journal, Kept


class MemoryTokens:
    """Part of a memory storage's state."""

    def __init__(self, journal: Journal) -> None:
        self.rows: Kept[bytes, TokenRow] = Kept(journal)

    def keep(self, rows: Sequence[TokenRow]) -> Mapping[bytes, bytes]:
        """See `Storage.keep_tokens`."""
        return {row.name: self.rows.setdefault(row.name, row).token for row in rows}

    def erase(self, names: Sequence[bytes]) -> None:
        """See `TokensErased`."""
        for name in names:
            self.rows.pop(name, None)

    def tokens(self, names: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """See `Reads.tokens`."""
        return {name: self.rows[name].token for name in names if name in self.rows}

    def of(self, dataset: str, tokens: Sequence[bytes]) -> Sequence[TokenRow]:
        """See `Reads.token_rows`."""
        return [row for row in self.rows.values() if row.dataset == dataset and row.token in tokens]
