"""Names that are kept once and meant by a small number: organisations, and the lists of decisions."""

from collections.abc import Iterable, Mapping
from typing import Final

from xase_server.storage.session import Row, Session

_MOST_REMEMBERED: Final = 100_000


# What the decisions of one list have in common. From CONFIDENCE on there is one kind for each level
# of `confidence.LEVEL_BITS`.
MODEL: Final = 0
POLICY: Final = 1
MODEL_AND_POLICY: Final = 2
EVERY: Final = 3
CONFIDENCE: Final = 4


def name_bytes(text: str) -> bytes:
    """A caller's own word as stored: bytes, because PostgreSQL's text has no NUL and an order of its own."""
    return text.encode()


def pair_bytes(model: int, policy: int) -> bytes:
    """What a model-and-policy list is called: the two lists it is the intersection of."""
    return b"%d/%d" % (model, policy)


def bucket_bytes(bucket: int) -> bytes:
    """What a confidence list is called; in the order of the buckets."""
    return bucket.to_bytes(2, "big")


class Names:
    """Gives each name its number, making one at first sight.

    `known` is shared by the transactions of one writer. Numbers never change once committed, so
    what this transaction learned is added only by `keep`, after its commit.
    """

    def __init__(self, session: Session, known: dict[Row, int]) -> None:
        self._session = session
        self._known = known
        self._learned: dict[Row, int] = {}

    def organisations(self, names: Iterable[str]) -> Mapping[str, int]:
        """Organisation → number."""
        found = self._numbers("organisations", [(name,) for name in names])
        return {str(name): number for (name,), number in found.items()}

    def lists(self, keys: Iterable[Row]) -> Mapping[Row, int]:
        """(organisation, kind, value) → number of the list."""
        return self._numbers("lists", keys)

    def keep(self) -> None:
        """Remember what was learned: the transaction has committed."""
        if len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
        self._known.update(self._learned)

    def _numbers(self, table: str, keys: Iterable[Row]) -> Mapping[Row, int]:
        wanted = dict.fromkeys(keys)
        known = {key: number for key in wanted if (number := self._lookup(table, key)) is not None}
        unknown = [key for key in wanted if key not in known]
        if unknown:
            known |= self._find(table, unknown)
            absent = [key for key in unknown if key not in known]
            if absent:
                self._session.many(f"add_{table}", absent)
                known |= self._find(table, absent)
        return known

    def _lookup(self, table: str, key: Row) -> int | None:
        place = (table, *key)
        return self._known.get(place) or self._learned.get(place)

    def _find(self, table: str, keys: Iterable[Row]) -> dict[Row, int]:
        found = {tuple(row[:-1]): int(row[-1]) for row in self._session.find(f"find_{table}", keys)}
        self._learned.update({(table, *key): number for key, number in found.items()})
        return found
