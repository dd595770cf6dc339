"""The reference of sorts: what a row sorts by, and which of two comes first."""

import functools
from collections.abc import Iterable, Mapping, Sequence

from xase_server.query.paths import Path, reach
from xase_server.query.refusal import EvaluationError
from xase_server.query.schema import is_index
from xase_server.query.stages import SortKey
from xase_server.query.values import Row, Value, largest, order, smallest

# A list with one value, or the empty list, which comes before every such list.
Place = list[Value]


@functools.total_ordering
class Ordering:
    """One row's place in a sort; rows of equal place keep their order."""

    __slots__ = ("keys",)

    def __init__(self, keys: Sequence[tuple[Place, bool]]) -> None:
        self.keys = keys

    @classmethod
    def of(cls, keys: Sequence[SortKey], row: Row) -> "Ordering":
        """The place of a row by these keys; raises `EvaluationError` where two of them go through different lists."""
        if len({key.path[0] for key in keys}) == len(keys):
            return cls([(_sorts_by(row, key), key.descending) for key in keys])
        found: dict[SortKey, Place] = {}
        for name in dict.fromkeys(key.path[0] for key in keys):
            found.update(_together(row, [key for key in keys if key.path[0] == name]))
        return cls([(found[key], key.descending) for key in keys])

    def _difference(self, other: "Ordering") -> int:
        for (ours, descending), (theirs, _) in zip(self.keys, other.keys, strict=True):
            difference = order(ours, theirs)
            if difference:
                return -difference if descending else difference
        return 0

    def __lt__(self, other: "Ordering") -> bool:
        return self._difference(other) < 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ordering) and self._difference(other) == 0

    __hash__ = None  # type: ignore[assignment]  # a place is compared, never looked up


def _sorts_by(row: Row, key: SortKey) -> Place:
    places = [place for value in reach(row, key.path) for place in _places(value)]
    pick = largest if key.descending else smallest
    found: Place = pick(places) if places else [None]
    return found


def _places(value: Value) -> list[Place]:
    """A list sorts by its elements; an empty one lies below null."""
    if not isinstance(value, list):
        return [[value]]
    return [[each] for each in value] or [[]]


def _together(row: Row, keys: Sequence[SortKey]) -> Iterable[tuple[SortKey, Place]]:
    """Keys in one column: where they go through the same list, those of the element that comes first."""
    if len(keys) == 1 or any(is_index(step) for key in keys for step in key.path):
        return [(key, _sorts_by(row, key)) for key in keys]
    directions = [key.descending for key in keys]
    found = _combinations(row, [key.path for key in keys])
    first = min(found, key=lambda places: Ordering(list(zip(places, directions, strict=True))))
    return zip(keys, first, strict=True)


def _combinations(value: Value, paths: Sequence[Path]) -> list[list[Place]]:
    if isinstance(value, list):
        return _of_elements(value, paths)
    if not isinstance(value, Mapping):
        return [[[None] if path else [value] for path in paths]]
    found = [[[value] for _ in paths]]
    for name in dict.fromkeys(path[0] for path in paths if path):
        own = [place for place, path in enumerate(paths) if path and path[0] == name]
        inside = _combinations(value.get(name), [paths[place][1:] for place in own])
        if len(inside) > 1 and len(found) > 1:
            raise EvaluationError("Keys of a sort may go through one list only")
        found = [_filled(each, own, places) for each in found for places in inside]
    return found


def _filled(whole: list[Place], own: Sequence[int], places: list[Place]) -> list[Place]:
    filled = list(whole)
    for place, each in zip(own, places, strict=True):
        filled[place] = each
    return filled


def _of_elements(elements: Sequence[Value], paths: Sequence[Path]) -> list[list[Place]]:
    """Each element's own; an element that is no struct counts only where it is asked for itself."""
    if all(not path for path in paths):
        return [[place for _ in paths] for place in _places(list(elements))]
    found = [
        [place if path else [each] for place, path in zip(places, paths, strict=True)]
        for each in elements
        if isinstance(each, Mapping) or not all(paths)
        for places in (_combinations(each, paths) if isinstance(each, Mapping) else [[[None]] * len(paths)])
    ]
    return found or [[[None] if path else _places(list(elements))[0] for path in paths]]
