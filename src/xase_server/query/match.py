"""The reference evaluator of filters: it defines what a filter means, on rows as plain Python values."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from xase_server.query import regex
from xase_server.query.allowance import ENDLESS, Allowance
from xase_server.query.evaluate import evaluate, scope_of
from xase_server.query.nodes import (
    And,
    At,
    Compare,
    Element,
    Equal,
    Exists,
    Holds,
    In,
    Is,
    Longer,
    Matches,
    Modulo,
    Node,
    Not,
    Or,
    Size,
    Test,
    TypeIs,
)
from xase_server.query.paths import reach
from xase_server.query.values import Value, bracket, equal, is_number, order, truth

_ORDERS: Final[Mapping[str, Callable[[int], bool]]] = {
    "gt": lambda difference: difference > 0,
    "gte": lambda difference: difference >= 0,
    "lt": lambda difference: difference < 0,
    "lte": lambda difference: difference <= 0,
}
# Tests that look at a list as such; all others are also asked of its elements.
_OF_THE_LIST: Final = Size | Element | Exists | Longer


def matches(node: Node, row: Value, allowance: Allowance = ENDLESS) -> bool:
    """Whether a filter is true for a row. Raises `EvaluationError` where `$expr` has no value."""
    if isinstance(node, And):
        return all(matches(item, row, allowance) for item in node.items)
    if isinstance(node, Or):
        return any(matches(item, row, allowance) for item in node.items)
    if isinstance(node, Not):
        return not matches(node.item, row, allowance)
    if isinstance(node, At):
        return any(_passes(node.test, value) for value in reach(row, node.path))
    if isinstance(node, Is):
        return _single(node.test, row)
    return _holds(node, row, allowance)


def _holds(node: Holds, row: Value, allowance: Allowance) -> bool:
    return truth(evaluate(node.expression, scope_of(row, allowance)))


def _passes(test: Test, value: Value) -> bool:
    if _single(test, value):
        return True
    return isinstance(value, list) and not isinstance(test, _OF_THE_LIST) and any(_single(test, each) for each in value)


def _single(test: Test, value: Value) -> bool:
    passes: Callable[[Any, Value], bool] = _TESTS[type(test)]
    return passes(test, value)


def _equal(test: Equal, value: Value) -> bool:
    return equal(test.value, value)


def _compare(test: Compare, value: Value) -> bool:
    if bracket(test.value) != bracket(value) or _not_a_number(value):
        return False
    return _ORDERS[test.operator](order(value, test.value))


def _not_a_number(value: Value) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _in(test: In, value: Value) -> bool:
    return any(equal(each, value) for each in test.values)


def _matches(test: Matches, value: Value) -> bool:
    return isinstance(value, str) and regex.found(test.pattern, value)


def _exists(_: Exists, value: Value) -> bool:
    return value is not None


def _longer(test: Longer, value: Value) -> bool:
    return isinstance(value, list) and len(value) > test.count


def _type_is(test: TypeIs, value: Value) -> bool:
    return bool(type_names(value) & set(test.names))


def type_names(value: Value) -> set[str]:
    """The names of `$type` that fit a value; an integer of any size is `int` and `long`."""
    family = bracket(value)
    if family == "number":
        return {"number", "double"} if isinstance(value, float) else {"number", "int", "long"}
    return {family}


def _size(test: Size, value: Value) -> bool:
    return isinstance(value, list) and len(value) == test.count


def _modulo(test: Modulo, value: Value) -> bool:
    if not is_number(value) or not math.isfinite(value):
        return False
    left = abs(int(value)) % abs(test.divisor)
    return bool((left if value >= 0 else -left) == test.remainder)


def _element(test: Element, value: Value) -> bool:
    return any(True for _ in elements(test, value))


def elements(test: Element, value: Value) -> Iterator[Value]:
    """The elements of a list that meet the condition; none of anything else."""
    candidates = value if isinstance(value, list) else []
    return (
        each
        for each in candidates
        if (isinstance(each, Mapping) or not test.of_structs) and matches(test.condition, each)
    )


_TESTS: Final[Mapping[type, Callable[[Any, Value], bool]]] = {
    Equal: _equal,
    Compare: _compare,
    In: _in,
    Matches: _matches,
    Exists: _exists,
    Longer: _longer,
    TypeIs: _type_is,
    Size: _size,
    Modulo: _modulo,
    Element: _element,
}
