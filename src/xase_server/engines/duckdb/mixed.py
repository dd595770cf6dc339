"""JSON columns: values of mixed types, whose types are asked while the query runs."""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb import sql
from xase_server.engines.duckdb.numbers import OPERATORS, compare_numbers
from xase_server.engines.duckdb.slots import Parameters, SetSlot, Slot
from xase_server.engines.duckdb.sql import FALSE, SQL, Names
from xase_server.query.paths import Path
from xase_server.query.schema import Kind, is_index

_INTEGERS: Final = ("BIGINT", "UBIGINT")
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "null": ("NULL",),
    "bool": ("BOOLEAN",),
    "int": _INTEGERS,
    "long": _INTEGERS,
    "double": ("DOUBLE",),
    "number": (*_INTEGERS, "DOUBLE"),
    "string": ("VARCHAR",),
    "object": ("OBJECT",),
    "array": ("ARRAY",),
    "date": ("DATE",),
}
# How a date is written in a JSON column (`datasets.union.json_text`): an object, which no other may be like.
_DATE: Final = "/$date"


def type_of(value: SQL) -> SQL:
    """The type of a JSON value, as DuckDB names it; NULL of NULL."""
    return sql.call("json_type", value)


def is_type(value: SQL, *types: str) -> SQL:
    """Whether a JSON value has one of these types, `DATE` among them."""
    known = type_of(value) if {"OBJECT", "DATE"}.isdisjoint(types) else _dated_type_of(value)
    return exp.In(this=known, expressions=[sql.text(name) for name in types])


def _dated_type_of(value: SQL) -> SQL:
    date = sql.is_not_null(_date_text(value))
    named = sql.case([(date, sql.text("DATE"))], sql.text("OBJECT"))
    return sql.case([(exp.EQ(this=type_of(value), expression=sql.text("OBJECT")), named)], type_of(value))


def _date_text(value: SQL) -> SQL:
    return sql.call("json_extract_string", value, sql.text(_DATE))


def _moment(value: SQL) -> SQL:
    """The instant of a JSON date, to the millisecond."""
    return sql.call("date_trunc", sql.text("milliseconds"), sql.cast(_date_text(value), "TIMESTAMP"))


def when(value: SQL, type_: str, condition: SQL) -> SQL:
    """A condition that is asked only of values of one type."""
    return condition if condition is FALSE else sql.case([(is_type(value, type_), condition)])


def is_null(value: SQL) -> SQL:
    """Null in either of its forms."""
    return exp.EQ(this=sql.coalesce(type_of(value), sql.text("NULL")), expression=sql.text("NULL"))


def elements(value: SQL) -> SQL:
    """The elements of a JSON list; NULL of anything else."""
    return sql.case([(is_type(value, "ARRAY"), sql.cast(value, "JSON[]"))])


def text_of(value: SQL) -> SQL:
    """The text of a JSON string."""
    return sql.call("json_extract_string", value, sql.text("$"))


def member(value: SQL, pointer_: SQL) -> SQL:
    """A member by its JSON pointer."""
    return sql.call("json_extract", value, pointer_)


def pointer(step: str) -> str:
    """One step as a JSON pointer (RFC 6901)."""
    return "/" + step.replace("~", "~0").replace("/", "~1")


def candidates(value: SQL, path: Path, parameters: Parameters, names: Names) -> SQL:
    """A list of every JSON value that a path reaches, NULL where it reaches nothing: `query.paths.reach` in SQL."""
    found = sql.call("list_value", value)
    for step in path:
        found = _step(found, step, parameters, names)
    return found


def _step(found: SQL, step: str, parameters: Parameters, names: Names) -> SQL:
    at = parameters.text(pointer(step))
    nothing = sql.call("list_value", sql.cast(sql.NULL, "JSON"))

    def inside(each: SQL) -> SQL:
        items = sql.cast(each, "JSON[]")
        objects = names.filtered(items, lambda item: is_type(item, "OBJECT"))
        members = names.transformed(objects, lambda item: member(item, at))
        return sql.case(
            [
                (is_type(each, "OBJECT"), sql.call("list_value", member(each, at))),
                (is_type(each, "ARRAY"), _indexed(items, members, step, names)),
            ],
            nothing,
        )

    return sql.call("flatten", names.transformed(found, inside))


def _indexed(items: SQL, members: SQL, step: str, names: Names) -> SQL:
    if not is_index(step):
        return members
    there = names.filtered(members, lambda each: sql.negated(is_null(each)))
    return sql.call("list_concat", sql.call("list_value", sql.element(items, int(step))), there)


def compared(value: SQL, operator: str, slot: Slot, parameters: Parameters) -> SQL:
    """A comparison within one family of types."""
    if slot.kind in {"int", "wide", "float"}:
        whole = compare_numbers(sql.cast(value, "HUGEINT"), Kind.INT, operator, slot, parameters)
        float_ = compare_numbers(sql.cast(value, "DOUBLE"), Kind.FLOAT, operator, slot, parameters)
        return sql.case([(is_type(value, *_INTEGERS), whole), (is_type(value, "DOUBLE"), float_)])
    bound = parameters.bound(slot.index)
    if slot.kind == "string":
        return when(value, "VARCHAR", OPERATORS[operator](this=text_of(value), expression=bound))
    if slot.kind == "bool":
        return when(value, "BOOLEAN", OPERATORS[operator](this=sql.cast(value, "BOOLEAN"), expression=bound))
    if slot.kind == "date":
        moment = sql.cast(parameters.bound(slot.index, "naive"), "TIMESTAMP")
        return when(value, "DATE", OPERATORS[operator](this=_moment(value), expression=moment))
    return FALSE


def among(value: SQL, values: SetSlot, parameters: Parameters) -> SQL:
    """Whether a JSON value is one of the scalars of a set."""

    def one_of(turn: str, type_: str, item: SQL) -> SQL:
        return sql.call("list_contains", sql.cast(parameters.bound(values.index, turn), f"{type_}[]"), item)

    branches: list[tuple[SQL, SQL]] = []
    if "number" in values.kinds:
        whole = one_of("wide_integers", "HUGEINT", sql.cast(value, "HUGEINT"))
        branches.append((is_type(value, *_INTEGERS), whole))
        branches.append((is_type(value, "DOUBLE"), one_of("floats", "DOUBLE", sql.cast(value, "DOUBLE"))))
    if "string" in values.kinds:
        branches.append((is_type(value, "VARCHAR"), one_of("strings", "VARCHAR", text_of(value))))
    if "bool" in values.kinds:
        branches.append((is_type(value, "BOOLEAN"), one_of("bools", "BOOLEAN", sql.cast(value, "BOOLEAN"))))
    if "date" in values.kinds:
        branches.append((is_type(value, "DATE"), one_of("dates", "TIMESTAMP", _moment(value))))
    return sql.case(branches, FALSE)


def type_is(value: SQL, names: Iterable[str]) -> SQL:
    """Whether the type has one of the names that `$type` uses."""
    wanted = {own for name in names for own in _NAMES[name]}
    if not wanted:
        return FALSE
    known = is_type(value, *sorted(wanted))
    return sql.any_of((known, is_null(value))) if "NULL" in wanted else known


def modulo(value: SQL, divisor: SQL, remainder: SQL) -> SQL:
    """`$mod` on a JSON value."""

    def leaves(number: SQL) -> SQL:
        return exp.EQ(this=sql.binary(exp.Mod, number, divisor), expression=remainder)

    whole, float_ = sql.cast(value, "HUGEINT"), sql.call("trunc", sql.cast(value, "DOUBLE"))
    return sql.case([(is_type(value, *_INTEGERS), leaves(whole)), (is_type(value, "DOUBLE"), leaves(float_))])


def has_members(value: SQL, count: int, names: Names) -> SQL:
    """Whether a JSON object has exactly so many members that are not null."""

    def there(name: SQL) -> SQL:
        escaped = sql.call(
            "replace", sql.call("replace", name, sql.text("~"), sql.text("~0")), sql.text("/"), sql.text("~1")
        )
        return sql.negated(is_null(member(value, exp.DPipe(this=sql.text("/"), expression=escaped))))

    kept = names.filtered(sql.call("json_keys", value), there)
    return exp.EQ(this=sql.length(kept), expression=sql.number(count))


def sort_key(value: SQL) -> SQL:
    """A JSON scalar as something that sorts by family and then by value; NULL of null."""
    number = sql.case([(is_type(value, *_NAMES["number"]), sql.cast(value, "DOUBLE"))])
    flag = sql.case([(is_type(value, "BOOLEAN"), sql.cast(sql.cast(value, "BOOLEAN"), "DOUBLE"))], number)
    flag = sql.case([(is_type(value, "DATE"), sql.cast(sql.call("epoch_ms", _moment(value)), "DOUBLE"))], flag)
    text = sql.case([(is_type(value, "VARCHAR"), text_of(value))])
    ranks = [("VARCHAR", 2), ("OBJECT", 3), ("ARRAY", 4), ("BOOLEAN", 5), ("DATE", 6)]
    rank = sql.case([(is_type(value, name), sql.number(place)) for name, place in ranks], sql.number(1))
    key = sql.struct_of(rank, sql.coalesce(flag, sql.number(0)), sql.coalesce(text, sql.text("")))
    return sql.case([(sql.negated(is_null(value)), key)])
