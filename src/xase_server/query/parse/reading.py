"""Where a reader is in a query, and how much of its allowance is spent."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.refusal import below, refuse
from xase_server.query.values import instant

# Lists and objects inside one another in one value: what it takes to plan a comparison doubles with each.
_DEEPEST_VALUE = 6


@dataclass(frozen=True, slots=True)
class Place:
    """A path into the query, as errors report it, and how many nodes lie around it.

    `whole` is what the query itself is called, for what is wrong with all of it.
    """

    path: str = ""
    depth: int = 0
    whole: str = ""

    def key(self, step: str | int) -> "Place":
        """One step further, still in the same node."""
        return Place(below(self.path, step), self.depth, self.whole)

    def inside(self, step: str | int) -> "Place":
        """One step further, in a node of its own."""
        return Place(below(self.path, step), self.depth + 1, self.whole)

    def refuse(self, message: str) -> Exception:
        """The `invalid_query` about this place."""
        return refuse(self.path or self.whole, message)


@dataclass(slots=True)
class Reading:
    """The allowance of one query."""

    limits: QuerySettings = DEFAULTS
    nodes: int = field(default=0, init=False)

    def node(self, place: Place) -> None:
        """Count one node; raises `invalid_query` when there are too many, or too many around it."""
        self.nodes += 1
        if place.depth > self.limits.depth:
            raise place.refuse(f"A query is at most {self.limits.depth} levels deep")
        if self.nodes > self.limits.nodes:
            raise place.refuse(f"A query has at most {self.limits.nodes} conditions, expressions and parts of values")

    def literal(self, value: Any, place: Place, level: int = 0) -> Any:
        """A value as written, `{"$date": …}` as an instant; raises `invalid_query` for other `$` names."""
        if isinstance(value, dict):
            return self._date(value, place) if value.keys() == {"$date"} else self._members(value, place, level)
        if isinstance(value, list):
            return [self._part(each, place.inside(number), level) for number, each in enumerate(value)]
        return _scalar(value, place)

    def _part(self, value: Any, place: Place, level: int) -> Any:
        """A member or an element of a whole value: each is a comparison of its own, and so a node."""
        self.node(place)
        if level == _DEEPEST_VALUE:
            raise place.refuse(f"A value is at most {_DEEPEST_VALUE} levels deep")
        return self.literal(value, place, level + 1)

    def _members(self, value: dict[str, Any], place: Place, level: int) -> dict[str, Any]:
        for name in value:
            if name.startswith("$"):
                raise place.key(name).refuse("A value has no operators")
        return {name: self._part(each, place.inside(name), level) for name, each in value.items()}

    @staticmethod
    def _date(value: dict[str, Any], place: Place) -> datetime:
        try:
            return instant(value["$date"])
        except (TypeError, ValueError, OverflowError, AttributeError):
            raise place.refuse("$date holds an ISO 8601 date or date-time") from None


def _scalar(value: Any, place: Place) -> Any:
    if isinstance(value, str) and "\0" in value:
        raise place.refuse("A text holds no NUL")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise place.refuse("A text holds no half of a surrogate pair") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise place.refuse("A number is finite")
    if isinstance(value, int) and not -(2**100) < value < 2**100:
        raise place.refuse("An integer has at most 100 bits")
    if value is not None and not isinstance(value, bool | int | float | str | datetime):
        raise place.refuse("Not a JSON value")
    return value


def is_operators(value: Any) -> bool:
    """Whether an object holds operators rather than members: its first name starts with `$`."""
    return isinstance(value, dict) and bool(value) and next(iter(value)).startswith("$") and value.keys() != {"$date"}


def whole_number(value: Any) -> int | None:
    """A JSON number without a fraction as an integer, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None
