"""Values, their kinds and their order: the one place where equality and ordering are defined.

A value is None, a bool, an int, a float, a string, an aware datetime, a list or a dict. Null and missing
are one (docs/spec/query.md, section 1): a dict's member that is None counts as absent.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Value = Any
Row = Mapping[str, Value]

# The order of kinds in the expression language and in sorts (section 2, rule 11).
_RANKS: Final = {"null": 0, "number": 1, "string": 2, "object": 3, "array": 4, "bool": 5, "date": 6}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def bracket(value: Value) -> str:
    """The family of a value; only values of one family compare."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, datetime):
        return "date"
    return "object" if isinstance(value, Mapping) else "array"


def rank(value: Value) -> int:
    """The place of a value's family in the order of families."""
    return _RANKS[bracket(value)]


def is_number(value: Value) -> bool:
    """Whether a value is a number; a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(left: Value, right: Value) -> bool:
    """Equality by value within one family; the order of a struct's members does not count."""
    family = bracket(left)
    if family != bracket(right):
        return False
    if family == "array":
        return len(left) == len(right) and all(map(equal, left, right))
    if family == "object":
        ours, theirs = without_nulls(left), without_nulls(right)
        return ours.keys() == theirs.keys() and all(equal(ours[name], theirs[name]) for name in ours)
    return bool(left == right)


def without_nulls(members: Mapping[str, Value]) -> dict[str, Value]:
    """The members that are there."""
    return {name: value for name, value in members.items() if value is not None}


def order(left: Value, right: Value) -> int:
    """Negative, zero or positive: the total order over all values; structs compare member by member."""
    difference = rank(left) - rank(right)
    if difference or left is None:
        return difference
    if isinstance(left, Mapping):
        return _order_structs(left, right)
    if isinstance(left, Sequence) and not isinstance(left, str):
        return _order_lists(left, right)
    if isinstance(left, str):
        left, right = left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass")
    return int(left > right) - int(left < right)


def _order_structs(left: Mapping[str, Value], right: Mapping[str, Value]) -> int:
    """Member by member: by the families of the two, their names, their values. The fewer come first."""
    if left.keys() == right.keys():
        right = {name: right[name] for name in left}
    for (name, ours), (other, theirs) in zip(left.items(), right.items(), strict=False):
        difference = rank(ours) - rank(theirs) or int(name > other) - int(name < other) or order(ours, theirs)
        if difference:
            return difference
    return len(left) - len(right)


def _order_lists(left: Sequence[Value], right: Sequence[Value]) -> int:
    for ours, theirs in zip(left, right, strict=False):
        difference = order(ours, theirs)
        if difference:
            return difference
    return len(left) - len(right)


def truth(value: Value) -> bool:
    """Truth in the expression language: false, null and 0 are false, all else is true (rule 13)."""
    return not (value is None or value is False or (is_number(value) and value == 0))


def instant(text: str) -> datetime:
    """The instant of an ISO 8601 text, to the millisecond, in UTC; raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_of(since_epoch: int) -> datetime:
    """The instant that many milliseconds after 1970 UTC; raises `OverflowError`."""
    return _EPOCH + timedelta(milliseconds=since_epoch)


def group_key(value: Value) -> Any:
    """A hashable stand-in: equal values have equal keys, 1 and 1.0 too, 1 and true not."""
    family = bracket(value)
    if family == "object":
        return family, frozenset((name, group_key(part)) for name, part in without_nulls(value).items())
    if family == "array":
        return family, tuple(map(group_key, value))
    return family, value


def smallest(values: Sequence[Value]) -> Value:
    """The least value in the total order; None of nothing."""
    found = values[0] if values else None
    for value in values:
        found = value if order(value, found) < 0 else found
    return found


def largest(values: Sequence[Value]) -> Value:
    """The greatest value in the total order; None of nothing."""
    found = None
    for value in values:
        found = value if order(value, found) > 0 else found
    return found
