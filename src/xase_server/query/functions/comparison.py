"""Comparison, and the functional part of boolean logic. All kinds compare, by the total order (rule 11)."""

from collections.abc import Mapping
from typing import Final

from xase_server.query.functions.function import Function
from xase_server.query.values import Value, equal, order, truth


def _sign(left: Value, right: Value) -> int:
    difference = order(left, right)
    return int(difference > 0) - int(difference < 0)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "eq": Function(equal, 2, 2),
    "ne": Function(lambda left, right: not equal(left, right), 2, 2),
    "gt": Function(lambda left, right: order(left, right) > 0, 2, 2),
    "gte": Function(lambda left, right: order(left, right) >= 0, 2, 2),
    "lt": Function(lambda left, right: order(left, right) < 0, 2, 2),
    "lte": Function(lambda left, right: order(left, right) <= 0, 2, 2),
    "cmp": Function(_sign, 2, 2),
    "not": Function(lambda value: not truth(value), 1, 1),
}
