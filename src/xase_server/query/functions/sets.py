"""Lists as sets, and lists turned and made. Equal values are one; the order of a set's values is not defined."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from xase_server.query.functions.function import Function
from xase_server.query.functions.lists import MOST_ELEMENTS
from xase_server.query.functions.text import whole
from xase_server.query.refusal import EvaluationError
from xase_server.query.values import Value, group_key, truth, without_nulls


def _list(name: str, value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise EvaluationError(f"${name} needs a list")
    return value


def _keyed(values: Sequence[Value]) -> dict[Any, Value]:
    return {group_key(value): value for value in reversed(values)}


def _joining(name: str, join: Callable[[dict[Any, Value], dict[Any, Value]], dict[Any, Value]]) -> Callable[..., Value]:
    """An operation on sets that is null when one of them is."""

    def apply(*values: Value) -> Value:
        lists = [_list(name, value) for value in values if value is not None]
        if len(lists) < len(values):
            return None
        joined = _keyed(lists[0]) if lists else {}
        for each in lists[1:]:
            joined = join(joined, _keyed(each))
        return list(joined.values())

    return apply


def _equal(*values: Value) -> Value:
    first, *others = (_keyed(_list("setEquals", value)).keys() for value in values)
    return all(first == other for other in others)


def _subset(part: Value, whole_: Value) -> Value:
    return _keyed(_list("setIsSubset", part)).keys() <= _keyed(_list("setIsSubset", whole_)).keys()


def _range(start: Value, end: Value, step: Value = 1) -> Value:
    numbers = range(whole("range", start), whole("range", end), whole("range", step) or _no_step())
    if len(numbers) > MOST_ELEMENTS:
        raise EvaluationError(f"$range makes at most {MOST_ELEMENTS} numbers")
    return list(numbers)


def _no_step() -> int:
    raise EvaluationError("$range needs a step other than 0")


def _of_list(name: str, compute: Callable[[list[Value]], Value]) -> Function:
    """A function of one list, null of null."""
    return Function(lambda value: None if value is None else compute(_list(name, value)), 1, 1)


def _pairs(value: Value) -> Value:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise EvaluationError("$objectToArray needs an object")
    return [{"k": name, "v": each} for name, each in without_nulls(value).items()]


FUNCTIONS: Final[Mapping[str, Function]] = {
    "setUnion": Function(_joining("setUnion", lambda left, right: {**left, **right}), 0, None),
    "setIntersection": Function(
        _joining("setIntersection", lambda left, right: {key: left[key] for key in left if key in right}), 0, None
    ),
    "setDifference": Function(
        _joining("setDifference", lambda left, right: {key: left[key] for key in left if key not in right}), 2, 2
    ),
    "setEquals": Function(_equal, 2, None),
    "setIsSubset": Function(_subset, 2, 2),
    "anyElementTrue": Function(lambda value: any(map(truth, _list("anyElementTrue", value))), 1, 1),
    "allElementsTrue": Function(lambda value: all(map(truth, _list("allElementsTrue", value))), 1, 1),
    "range": Function(_range, 2, 3),
    "reverseArray": _of_list("reverseArray", lambda elements: elements[::-1]),
    "first": _of_list("first", lambda elements: elements[0] if elements else None),
    "last": _of_list("last", lambda elements: elements[-1] if elements else None),
    "objectToArray": Function(_pairs, 1, 1),
}
