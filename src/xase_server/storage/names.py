"""Names that are kept once and meant by a small number: organisations, and labels."""

from collections.abc import Iterable, Mapping

from xase_server.storage.memo import Label, Memo
from xase_server.storage.session import Row, Session


def name_bytes(text: str | None) -> bytes:
    """A caller's own word as stored: bytes, because PostgreSQL's text has no NUL; none is the empty word."""
    return b"" if text is None else text.encode()


class Names:
    """Gives each name its number, making one at first sight; `memo` spares looking them up again."""

    def __init__(self, session: Session, memo: Memo) -> None:
        self._session = session
        self._memo = memo

    def organisations(self, names: Iterable[str]) -> Mapping[str, int]:
        """Organisation → number."""
        known = self._memo.organisations
        unknown = {name: (name,) for name in names if name not in known}
        if unknown:
            numbers = self._numbers("organisations", unknown.values())
            known.update({name: numbers[key] for name, key in unknown.items()})
        return known

    def labels(self, labels: Iterable[Label]) -> Mapping[Label, int]:
        """A model with a policy → number."""
        known = self._memo.labels
        unknown = {
            label: (label[0], name_bytes(label[1]), name_bytes(label[2])) for label in labels if label not in known
        }
        if unknown:
            numbers = self._numbers("labels", unknown.values())
            known.update({label: numbers[key] for label, key in unknown.items()})
        return known

    def _numbers(self, table: str, keys: Iterable[Row]) -> Mapping[Row, int]:
        wanted = list(keys)
        known = self._find(table, wanted)
        absent = [key for key in wanted if key not in known]
        if absent:
            self._session.many(f"add_{table}", absent)
            known |= self._find(table, absent)
        return known

    def _find(self, table: str, keys: list[Row]) -> dict[Row, int]:
        return {tuple(row[:-1]): int(row[-1]) for row in self._session.find(f"find_{table}", keys)}
