"""Arithmetic: null in, null out."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.functions.checking import Compile, checked, native, unused
from xase_server.engines.duckdb.sql import NULL, SQL, Names
from xase_server.engines.duckdb.unions import is_number, joined, unified
from xase_server.query.functions.arithmetic import BEYOND, WHOLE
from xase_server.query.schema import DATE, FLOAT, INT
from xase_server.query.schema import NULL as NOTHING
from xase_server.query.values import milliseconds as milliseconds_of


def _numeric(name: str, compute: Callable[..., Cell]) -> Compile:
    def compile_(_: Names, *cells: Cell) -> Cell:
        native(*cells)
        wrong = [cell for cell in cells if cell.type != NOTHING and not is_number(cell.type)]
        if wrong:
            raise NotNative(f"${name} needs numbers")
        if any(cell.type == NOTHING for cell in cells):
            unused(*cells)
            return Cell(NULL, NOTHING)
        return compute(*cells)

    return compile_


def _chained(kind: type[exp.Binary]) -> Callable[..., Cell]:
    def compute(*cells: Cell) -> Cell:
        type_ = unified([cell.type for cell in cells])  # integers beside a float must not overflow among themselves
        values = [sql.cast(cell.sql, "DOUBLE") if type_ != cell.type else cell.sql for cell in cells]
        return Cell(sql.balanced(kind, values), type_)

    return compute


def milliseconds(cell: Cell) -> SQL:
    """A date as milliseconds since 1970."""
    return sql.call("epoch_ms", cell.sql)


def _moment(milliseconds: SQL) -> Cell:
    exact = sql.call("round_even", sql.cast(milliseconds, "DOUBLE"), sql.number(0))
    within = exp.Between(this=exact, low=sql.number(_FIRST), high=sql.number(_LAST))
    moment = sql.call("make_timestamp", sql.binary(exp.Mul, sql.cast(exact, "BIGINT"), sql.number(1000)))
    return Cell(checked(exp.Not(this=within), BEYOND, moment), DATE)


def _add(names: Names, *cells: Cell) -> Cell:
    dates = [cell for cell in cells if cell.type == DATE]
    if not dates:
        return _SUM(names, *cells)
    if len(dates) > 1:
        raise NotNative("$add takes one date at most")
    others = [cell for cell in cells if cell.type != DATE]
    total = _SUM(names, *others, Cell(sql.number(0), INT))
    return _moment(sql.binary(exp.Add, milliseconds(dates[0]), total.sql))


def _subtract(names: Names, left: Cell, right: Cell) -> Cell:
    if left.type != DATE:
        return _DIFFERENCE(names, left, right)
    if right.type == DATE:
        return Cell(sql.binary(exp.Sub, milliseconds(left), milliseconds(right)), INT)
    native(right)
    if not is_number(right.type):
        raise NotNative("$subtract needs numbers")
    return _moment(sql.binary(exp.Sub, milliseconds(left), right.sql))


def _divide(left: Cell, right: Cell) -> Cell:
    parts = [sql.cast(cell.sql, "DOUBLE") for cell in (left, right)]
    zero = exp.EQ(this=sql.paren(right.sql), expression=sql.number(0))
    both = sql.all_of((zero, sql.is_not_null(left.sql)))
    return Cell(
        checked(both, "$divide by zero", exp.Div(this=parts[0], expression=parts[1], typed=False, safe=False)), FLOAT
    )


def _mod(left: Cell, right: Cell) -> Cell:
    values, type_ = joined([left, right])
    zero = exp.EQ(this=sql.paren(right.sql), expression=sql.number(0))
    both = sql.all_of((zero, sql.is_not_null(left.sql)))
    return Cell(checked(both, "$mod by zero", sql.binary(exp.Mod, *values)), type_)


def _whole(function: str) -> Callable[..., Cell]:
    return lambda cell: cell if cell.type == INT else Cell(sql.call(function, cell.sql), FLOAT)


def _rounding(name: str, function: Callable[[SQL], SQL]) -> Callable[..., Cell]:
    def compute(value: Cell, places: Cell | None = None) -> Cell:
        if places is None:
            return value if value.type == INT else Cell(function(value.sql), FLOAT)
        number, digits = sql.cast(value.sql, "DOUBLE"), places.sql
        scale = sql.call("pow", sql.cast(sql.number(10), "DOUBLE"), sql.call("abs", digits))
        up = exp.Div(this=function(sql.binary(exp.Mul, number, scale)), expression=scale, typed=False, safe=False)
        shrunk = exp.Div(this=number, expression=scale, typed=False, safe=False)
        down = sql.binary(exp.Mul, function(shrunk), scale)
        negative = exp.LT(this=sql.paren(digits), expression=sql.number(0))
        whole = exp.GTE(this=sql.call("abs", number), expression=sql.number(WHOLE))
        result = sql.case([(negative, down), (whole, number), (sql.is_not_null(digits), up)])
        if value.type == INT:
            result = sql.case([(negative, sql.cast(down, "BIGINT")), (sql.is_not_null(digits), value.sql)])
        outside = exp.GT(this=sql.call("abs", digits), expression=sql.number(15))
        return Cell(checked(outside, f"${name} takes places from -15 to 15", result), value.type)

    return compute


def _domain(name: str, function: str, outside: Callable[[SQL], SQL]) -> Callable[..., Cell]:
    def compute(value: Cell) -> Cell:
        number = sql.cast(value.sql, "DOUBLE")
        return Cell(checked(outside(number), f"${name} is not defined there", sql.call(function, number)), FLOAT)

    return compute


def _pow(left: Cell, right: Cell) -> Cell:
    result = sql.call("pow", sql.cast(left.sql, "DOUBLE"), sql.cast(right.sql, "DOUBLE"))
    undefined = exp.Not(this=sql.call("isfinite", result))
    return Cell(checked(undefined, "$pow is not defined there", result), FLOAT)


def _nearest(value: SQL) -> SQL:
    return sql.call("round_even", value, sql.number(0))


def _below(bound: int, *, or_equal: bool) -> Callable[[SQL], SQL]:
    kind = exp.LTE if or_equal else exp.LT
    return lambda number: kind(this=number, expression=sql.number(bound))


# Milliseconds of the first and the last moment that a date can be.
_FIRST: Final = milliseconds_of(datetime.min.replace(tzinfo=UTC))
_LAST: Final = milliseconds_of(datetime.max.replace(tzinfo=UTC))
_SUM: Final = _numeric("add", _chained(exp.Add))
_DIFFERENCE: Final = _numeric("subtract", _chained(exp.Sub))


FUNCTIONS: Final[Mapping[str, Compile]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _numeric("multiply", _chained(exp.Mul)),
    "divide": _numeric("divide", _divide),
    "mod": _numeric("mod", _mod),
    "abs": _numeric("abs", lambda cell: Cell(sql.call("abs", cell.sql), cell.type)),
    "ceil": _numeric("ceil", _whole("ceil")),
    "floor": _numeric("floor", _whole("floor")),
    "round": _numeric("round", _rounding("round", _nearest)),
    "trunc": _numeric("trunc", _rounding("trunc", lambda value: sql.call("trunc", value))),
    "sqrt": _numeric("sqrt", _domain("sqrt", "sqrt", _below(0, or_equal=False))),
    "ln": _numeric("ln", _domain("ln", "ln", _below(0, or_equal=True))),
    "log10": _numeric("log10", _domain("log10", "log10", _below(0, or_equal=True))),
    "exp": _numeric("exp", _domain("exp", "exp", lambda x: exp.GTE(this=x, expression=sql.number(700)))),
    "pow": _numeric("pow", _pow),
}
