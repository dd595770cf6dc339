"""The map of tokens, the same for both databases."""

from collections.abc import Mapping, Sequence

from xase_server.domain.tokens import TokenRow
from xase_server.ports import StorageUnavailable
from xase_server.storage.session import Session


def keep_tokens(session: Session, rows: Sequence[TokenRow]) -> Mapping[bytes, bytes]:
    """See `Storage.keep_tokens`. Written in the order of names, so that writers never wait for each other in a ring."""
    ordered = sorted(rows, key=lambda row: row.name)
    session.many("add_tokens", [(row.name, row.token, row.dataset, row.session, row.sealed) for row in ordered])
    kept = TokenReads(session).tokens([row.name for row in ordered])
    if len(kept) < len({row.name for row in ordered}):
        raise StorageUnavailable("tokens that were written are not there")
    return kept


def erase_tokens(session: Session, names: Sequence[bytes]) -> None:
    """See `TokensErased`. In the order of names, too."""
    session.many("erase_tokens", [(name,) for name in sorted(names)])


class TokenReads:
    """The part of `xase_server.ports.Reads` that is about tokens."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tokens(self, names: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """See `Reads.tokens`."""
        return dict(self._session.find("find_tokens", [(name,) for name in names]))

    def token_rows(self, dataset: str, tokens: Sequence[bytes]) -> Sequence[TokenRow]:
        """See `Reads.token_rows`."""
        found = self._session.find("find_token_rows", [(token,) for token in tokens])
        rows = (TokenRow(*row) for row in found)
        return [row for row in rows if row.dataset == dataset]
