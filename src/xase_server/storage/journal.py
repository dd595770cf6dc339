"""Dictionaries that a transaction can put back as they were, at a cost that does not grow with what they hold."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Final = object()


class Journal:
    """What was replaced in some dictionaries since the last commit, in order."""

    def __init__(self) -> None:
        self._replaced: list[tuple[dict[Any, Any], Any, Any]] = []

    def note(self, kept: dict[Any, Any], key: object) -> None:
        """Remember what the dictionary holds under this key, or that it holds nothing."""
        self._replaced.append((kept, key, kept.get(key, _ABSENT)))

    def commit(self) -> None:
        """What has changed stays."""
        self._replaced.clear()

    def undo(self) -> None:
        """Put back what there was."""
        while self._replaced:
            kept, key, before = self._replaced.pop()
            if before is _ABSENT:
                dict.pop(kept, key)
            else:
                dict.__setitem__(kept, key, before)


class Kept(dict[K, V]):
    """A dictionary that notes in a journal what each change replaces."""

    __slots__ = ("_journal",)

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def __setitem__(self, key: K, value: V) -> None:
        self._journal.note(self, key)
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        self._journal.note(self, key)
        super().__delitem__(key)

    def setdefault(self, key: K, default: V) -> V:
        """See `dict.setdefault`."""
        if key not in self:
            self[key] = default
        return self[key]

    def copied(self, journal: Journal) -> "Kept[K, V]":
        """The same in another journal."""
        copy = Kept[K, V](journal)
        dict.update(copy, self)
        return copy

    def put(self, items: Mapping[K, V]) -> None:
        """Set all of these."""
        for key, value in items.items():
            self[key] = value
