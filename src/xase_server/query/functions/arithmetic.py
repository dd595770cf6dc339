"""Arithmetic: null in, null out; anything but numbers is an error (rules 12 and 16)."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from xase_server.query.functions.function import Function
from xase_server.query.refusal import EvaluationError
from xase_server.query.values import Value, is_number, milliseconds, moment_of

_MOST_PLACES: Final = 15
LARGEST: Final = 2**63 - 1
# From here on every float is a whole number.
WHOLE: Final = 2**52
BEYOND: Final = "A date lies outside the years 1 to 9999"


def needs_numbers(name: str, values: tuple[Value, ...]) -> None:
    """Raise `EvaluationError` when a value that is not null is no number."""
    if not all(value is None or is_number(value) for value in values):
        raise EvaluationError(f"${name} needs numbers")


def _numeric(name: str, compute: Callable[..., Value]) -> Callable[..., Value]:
    def apply(*values: Value) -> Value:
        needs_numbers(name, values)
        return None if any(value is None for value in values) else within(compute(*values))

    return apply


def within(value: Value) -> Value:
    """The value, unless it is an integer beyond 64 bits."""
    if isinstance(value, int) and not -LARGEST - 1 <= value <= LARGEST:
        raise EvaluationError("An integer does not fit 64 bits")
    return value


def _add(*values: Value) -> Value:
    moments = [value for value in values if isinstance(value, datetime)]
    others = [value for value in values if not isinstance(value, datetime)]
    needs_numbers("add", tuple(others))
    if len(moments) > 1:
        raise EvaluationError("$add takes one date at most")
    if any(value is None for value in values):
        return None
    return _moved(moments[0], sum(others)) if moments else within(sum(others))


def _moved(moment: datetime, by: float) -> datetime:
    try:
        return moment_of(round(milliseconds(moment) + by))
    except (OverflowError, ValueError):
        raise EvaluationError(BEYOND) from None


def _subtract(left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    if isinstance(left, datetime):
        if isinstance(right, datetime):
            return milliseconds(left) - milliseconds(right)
        needs_numbers("subtract", (right,))
        return _moved(left, -right)
    needs_numbers("subtract", (left, right))
    return within(left - right)


def _multiply(*values: Value) -> Value:
    return math.prod(values if all(isinstance(value, int) for value in values) else map(float, values))


def _divide(left: Value, right: Value) -> Value:
    if right == 0:
        raise EvaluationError("$divide by zero")
    return left / right


def _mod(left: Value, right: Value) -> Value:
    if right == 0:
        raise EvaluationError("$mod by zero")
    if isinstance(left, int) and isinstance(right, int):
        return abs(left) % abs(right) * (1 if left >= 0 else -1)
    return math.fmod(left, right) if math.isfinite(left) else math.nan


def _rounding(name: str, whole: Callable[[float], float]) -> Callable[..., Value]:
    def apply(value: Value, places: Value = 0) -> Value:
        if not -_MOST_PLACES <= places <= _MOST_PLACES or places != int(places):
            raise EvaluationError(f"${name} takes places from -{_MOST_PLACES} to {_MOST_PLACES}")
        if not math.isfinite(value) or (places >= 0 and (isinstance(value, int) or abs(value) >= WHOLE)):
            return value
        scale = 10.0 ** abs(places)
        result = whole(value * scale) / scale if places >= 0 else whole(value / scale) * scale
        return int(result) if isinstance(value, int) else result

    return _numeric(name, apply)


def _whole(round_: Callable[[float], int]) -> Callable[[Value], Value]:
    return lambda value: value if isinstance(value, int) or not math.isfinite(value) else float(round_(value))


def _domain(name: str, fits: Callable[[Value], bool], compute: Callable[[Value], Value]) -> Callable[..., Value]:
    def apply(value: Value) -> Value:
        if not fits(value):
            raise EvaluationError(f"${name} is not defined there")
        return compute(value)

    return _numeric(name, apply)


def _pow(base: Value, exponent: Value) -> Value:
    try:
        result = math.pow(base, exponent)
    except (ValueError, OverflowError):
        raise EvaluationError("$pow is not defined there") from None
    return result


FUNCTIONS: Final[Mapping[str, Function]] = {
    "add": Function(_add, 1, None),
    "subtract": Function(_subtract, 2, 2),
    "multiply": Function(_numeric("multiply", _multiply), 1, None),
    "divide": Function(_numeric("divide", _divide), 2, 2),
    "mod": Function(_numeric("mod", _mod), 2, 2),
    "abs": Function(_numeric("abs", abs), 1, 1),
    "ceil": Function(_numeric("ceil", _whole(math.ceil)), 1, 1),
    "floor": Function(_numeric("floor", _whole(math.floor)), 1, 1),
    "round": Function(_rounding("round", lambda value: float(round(value))), 1, 2),
    "trunc": Function(_rounding("trunc", lambda value: float(math.trunc(value))), 1, 2),
    "sqrt": Function(_domain("sqrt", lambda value: value >= 0, math.sqrt), 1, 1),
    "ln": Function(_domain("ln", lambda value: value > 0, math.log), 1, 1),
    "log10": Function(_domain("log10", lambda value: value > 0, math.log10), 1, 1),
    "exp": Function(_domain("exp", lambda value: value < 700, math.exp), 1, 1),  # noqa: PLR2004 - above is infinite
    "pow": Function(_numeric("pow", _pow), 2, 2),
}
