"""What `$group` computes from the values of its rows. Null counts for nothing except in lists (section 2, Group)."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from xase_server.query.functions.lists import greatest, least, mean, total
from xase_server.query.values import Value, group_key, is_number

Accumulator = Callable[[Sequence[Value]], Value]


def _distinct(values: Sequence[Value]) -> Value:
    return list({group_key(value): value for value in reversed(values)}.values())[::-1]


def _spread(values: Sequence[Value], spare: int) -> Value:
    numbers = [value for value in values if is_number(value)]
    if len(numbers) <= spare:
        return None
    centre = sum(numbers) / len(numbers)
    return math.sqrt(sum((each - centre) * (each - centre) for each in numbers) / (len(numbers) - spare))


ACCUMULATORS: Final[Mapping[str, Accumulator]] = {
    "sum": total,
    "avg": mean,
    "min": least,
    "max": greatest,
    "count": len,
    "push": list,
    "addToSet": _distinct,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "stdDevPop": lambda values: _spread(values, 0),
    "stdDevSamp": lambda values: _spread(values, 1),
}
