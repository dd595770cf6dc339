"""Lists and structs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from xase_server.query.functions.function import Function
from xase_server.query.functions.text import whole
from xase_server.query.refusal import EvaluationError
from xase_server.query.values import Value, equal, is_number, largest, smallest, without_nulls

# A list that a function makes.
MOST_ELEMENTS: Final = 100_000


def _list(name: str, value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise EvaluationError(f"${name} needs a list")
    return value


def _size(value: Value) -> Value:
    return len(_list("size", value))


def _element_at(value: Value, position: Value) -> Value:
    if value is None or position is None:
        return None
    elements, index = _list("arrayElemAt", value), whole("arrayElemAt", position)
    return elements[index] if -len(elements) <= index < len(elements) else None


def _slice(value: Value, *window: Value) -> Value:
    if value is None or any(bound is None for bound in window):
        return None
    elements, count = _list("slice", value), whole("slice", window[-1])
    if len(window) == 1:
        return elements[:count] if count >= 0 else elements[count:]
    if count <= 0:
        raise EvaluationError("$slice needs a positive count")
    start = whole("slice", window[0])
    return elements[max(start + len(elements), 0) if start < 0 else start :][:count]


def _in(value: Value, elements: Value) -> Value:
    return any(equal(value, each) for each in _list("in", elements))


def _concat(*values: Value) -> Value:
    lists = [_list("concatArrays", value) for value in values if value is not None]
    if len(lists) < len(values):
        return None
    if sum(map(len, lists)) > MOST_ELEMENTS:
        raise EvaluationError(f"$concatArrays makes at most {MOST_ELEMENTS} elements")
    return [each for part in lists for each in part]


def _merge(*values: Value) -> Value:
    merged: dict[str, Value] = {}
    for value in values:
        if not (value is None or isinstance(value, Mapping)):
            raise EvaluationError("$mergeObjects needs objects")
        merged.update(without_nulls(value or {}))
    return merged


def total(values: Sequence[Value]) -> Value:
    """The sum of the numbers among the values; 0 of none."""
    return sum(value for value in values if is_number(value))


def mean(values: Sequence[Value]) -> Value:
    """The mean of the numbers among the values; None of none."""
    numbers = [value for value in values if is_number(value)]
    return sum(numbers) / len(numbers) if numbers else None


def least(values: Sequence[Value]) -> Value:
    """The smallest value that is not null."""
    return smallest([value for value in values if value is not None])


def greatest(values: Sequence[Value]) -> Value:
    """The largest value that is not null."""
    return largest(values)


def _over(summary: Callable[[Sequence[Value]], Value]) -> Function:
    """Outside `$group` a single operand that is a list is summarised, else the operands are."""

    def apply(*values: Value) -> Value:
        return summary(values[0] if len(values) == 1 and isinstance(values[0], list) else values)

    return Function(apply, 1, None)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "size": Function(_size, 1, 1),
    "arrayElemAt": Function(_element_at, 2, 2),
    "slice": Function(_slice, 2, 3),
    "in": Function(_in, 2, 2),
    "concatArrays": Function(_concat, 1, None),
    "isArray": Function(lambda value: isinstance(value, list), 1, 1),
    "mergeObjects": Function(_merge, 1, None),
    "sum": _over(total),
    "avg": _over(mean),
    "min": _over(least),
    "max": _over(greatest),
}
