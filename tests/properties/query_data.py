"""Random schemas, rows and queries: small alphabets, so that rows and queries meet."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from xase_server.query.schema import BOOL, DATE, FLOAT, INT, JSON, STRING, ListOf, Schema, Struct, Type, struct

INTS = st.sampled_from([-3, -1, 0, 1, 2, 5, 2**53 + 1, -(2**63)])
SMALL = st.sampled_from([-3, -2, -1, 0, 1, 2, 5])
FLOATS = st.sampled_from([-2.5, -1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 9007199254740992.0])
STRINGS = st.sampled_from(["", "a", "b", "ab", "A", "é", "e\u0301", "\uff11", "\U0001f600b", "a\nb", "1"])
DATES = st.sampled_from([datetime(2020, 2, 29, tzinfo=UTC), datetime(2021, 1, 3, 5, 6, 7, 8000, tzinfo=UTC)])
SCALARS = {INT: INTS, FLOAT: FLOATS, STRING: STRINGS, BOOL: st.booleans(), DATE: DATES}
SCHEMA = struct(
    {
        "i": INT,
        "f": FLOAT,
        "s": STRING,
        "b": BOOL,
        "d": DATE,
        "li": ListOf(INT),
        "ls": ListOf(STRING),
        "o": struct({"i": INT, "s": STRING, "p": struct({"f": FLOAT})}),
        "lo": ListOf(struct({"i": INT, "s": STRING, "li": ListOf(INT)})),
        "ll": ListOf(ListOf(INT)),
        "m": JSON,
    }
)
PATHS = [
    "i", "f", "s", "b", "d", "li", "ls", "o", "lo", "ll", "m", "o.i", "o.s", "o.p", "o.p.f", "lo.i", "lo.s", "lo.li",
    "li.0", "li.2", "lo.0", "lo.1.s", "lo.0.li", "lo.li.0", "ll.0", "ll.0.1", "m.i", "m.0", "m.i.s",
]  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | INTS | st.sampled_from([0.5, 2.5]) | STRINGS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["i", "s", "0"]), inner, max_size=2),
    max_leaves=4,
)


def without_nulls(value: Any) -> Any:
    """A mixed value as stored: null members are absent."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def values(type_: Type, ints: st.SearchStrategy[int] = INTS) -> st.SearchStrategy[Any]:
    """Values of a type, null among them."""
    if type_ == JSON:
        return JSON_VALUES.map(without_nulls)
    if isinstance(type_, ListOf):
        return st.none() | st.lists(values(type_.element, ints), max_size=3)
    if isinstance(type_, Struct):
        return st.none() | _members(type_, ints)
    return st.none() | (ints if type_ == INT else SCALARS[type_])


def rows(
    schema: Schema = SCHEMA, *, most: int = 6, ints: st.SearchStrategy[int] = INTS
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Whole rows."""
    return st.lists(_members(schema, ints), max_size=most)


def _members(type_: Struct, ints: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    """All members, in the order in which a column stores them."""
    drawn = st.fixed_dictionaries({name: values(member, ints) for name, member in type_.members})
    return drawn.map(lambda members: {name: members[name] for name, _ in type_.members})


def as_json(value: Any) -> Any:
    """A value as a query writes it."""
    if isinstance(value, datetime):
        return {"$date": value.isoformat()}
    if isinstance(value, dict):
        return {name: as_json(each) for name, each in value.items()}
    return [as_json(each) for each in value] if isinstance(value, list) else value


LITERALS = st.none() | st.booleans() | INTS | FLOATS | STRINGS | DATES.map(as_json)
COMPOUND = st.lists(st.none() | SMALL | STRINGS, max_size=2) | st.fixed_dictionaries(
    {},
    optional={
        "i": st.none() | SMALL,
        "s": st.none() | STRINGS,
        "p": st.just({"f": 0.5}),
        "li": st.lists(SMALL, max_size=2),
    },
)
OPERANDS = LITERALS | COMPOUND


def tests() -> st.SearchStrategy[dict[str, Any]]:
    """Operators at a path."""
    single = st.one_of(
        st.builds(lambda name, value: {name: value}, st.sampled_from(["$eq", "$ne"]), OPERANDS),
        st.builds(lambda name, value: {name: value}, st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), LITERALS),
        st.builds(lambda name, value: {name: value}, st.sampled_from(["$in", "$nin"]), st.lists(OPERANDS, max_size=3)),
        st.builds(lambda value: {"$exists": value}, st.booleans()),
        st.builds(lambda value: {"$size": value}, st.integers(0, 3)),
        st.builds(lambda value: {"$all": value}, st.lists(OPERANDS, max_size=2)),
        st.builds(lambda d, r: {"$mod": [d, r]}, st.sampled_from([2, 3, -2]), st.integers(-2, 2)),
        st.builds(
            lambda p, o: {"$regex": p, "$options": o},
            st.sampled_from(["a", "^b", "B$", "a.b", "[é1]"]),
            st.sampled_from(["", "i", "m", "s", "x"]),
        ),
        st.builds(
            lambda names: {"$type": names},
            st.sampled_from(
                ["string", "number", "int", "double", "null", "array", "object", "bool", "date", 1, 16, ["bool", 2]]
            ),
        ),
    )
    return st.recursive(
        single,
        lambda inner: (
            st.builds(lambda test: {"$not": test}, inner)
            | st.builds(lambda test: {"$elemMatch": test}, inner)
            | st.builds(lambda one, two: {**one, **two}, inner, inner)
        ),
        max_leaves=3,
    )


def conditions(paths: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """One path and what is asked of it."""
    operand = tests() | OPERANDS
    return st.builds(lambda path, value: {path: value}, st.sampled_from(paths), operand)


ELEMENTS = st.builds(
    lambda path, condition: {path: {"$elemMatch": condition}},
    st.sampled_from(["lo", "m"]),
    st.builds(lambda path, value: {path: value}, st.sampled_from(["i", "s", "li"]), tests() | OPERANDS),
)


def filters(paths: list[str] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """Whole filters."""
    return st.recursive(
        conditions(paths or PATHS) | (ELEMENTS if paths is None else st.nothing()),
        lambda inner: st.builds(
            lambda name, items: {name: items},
            st.sampled_from(["$and", "$or", "$nor"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=4,
    )


def _call(name: str, *operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(*operands).map(lambda values: {f"${name}": list(values)})


def _named(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(names)


BASE_NUMBERS = st.sampled_from(["$i", "$f", "$o.i", "$o.p.f", None, 0, 1, 2, -3, 0.5, 2.5])
BASE_TEXTS = st.sampled_from(["$s", "$o.s", None, "", "a", "b,c", "Aé"])
BASE_LISTS = st.sampled_from(["$li", "$ls", "$lo.i", "$lo.s", "$lo", None, [], [1, 2], ["$i", "$f"]])


def expressions() -> st.SearchStrategy[Any]:
    """Expressions of all families, wrong operands among them."""
    anything = BASE_NUMBERS | BASE_TEXTS | BASE_LISTS | st.sampled_from(["$b", "$d", "$o", "$o.p", True, False])
    return st.recursive(anything, _expressions_over, max_leaves=5)


def _expressions_over(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    numbers, texts, lists = BASE_NUMBERS | inner, BASE_TEXTS | inner, BASE_LISTS | inner
    unary = _named("abs", "ceil", "floor", "round", "trunc", "toInt", "toDouble", "toString", "sqrt")
    parts = _named("year", "month", "dayOfWeek", "week", "isoWeek", "millisecond", "hour")
    return st.one_of(
        st.builds(
            lambda name, a, b: {f"${name}": [a, b]},
            _named("add", "subtract", "multiply", "divide", "mod"),
            numbers,
            numbers,
        ),
        st.builds(lambda name, a: {f"${name}": a}, unary, numbers),
        st.builds(
            lambda name, a, places: {f"${name}": [a, places]}, _named("round", "trunc"), numbers, st.integers(-1, 2)
        ),
        st.builds(
            lambda name, a, b: {f"${name}": [a, b]}, _named("eq", "ne", "gt", "gte", "lt", "lte", "cmp"), inner, inner
        ),
        st.builds(lambda name, a, b: {f"${name}": [a, b]}, _named("and", "or", "ifNull"), inner, inner),
        st.builds(lambda a: {"$not": [a]}, inner),
        _call("cond", inner, inner, inner),
        st.builds(
            lambda c, a, b: {"$switch": {"branches": [{"case": c, "then": a}], "default": b}}, inner, inner, inner
        ),
        _call("concat", texts, texts),
        _call("split", texts, st.sampled_from([",", "a", "$s"])),
        _call("substrCP", texts, st.integers(0, 2), st.integers(0, 2)),
        st.builds(lambda name, a: {f"${name}": a}, _named("toLower", "toUpper", "strLenCP"), texts),
        st.builds(lambda name, a: {f"${name}": a}, _named("size", "isArray", "sum", "avg", "min", "max"), lists),
        _call("arrayElemAt", lists, st.integers(-3, 3)),
        _call("slice", lists, st.integers(-2, 3)),
        _call("slice", lists, st.integers(-3, 3), st.integers(1, 2)),
        _call("in", inner, lists),
        _call("concatArrays", lists, lists),
        st.builds(
            lambda name, a, b: {f"${name}": [a, b]},
            _named("setUnion", "setIntersection", "setDifference", "setEquals", "setIsSubset"),
            lists,
            lists,
        ),
        st.builds(lambda name, a: {f"${name}": [a]}, _named("first", "last", "reverseArray", "anyElementTrue"), lists),
        st.builds(lambda name, a: {f"${name}": {"input": a, "chars": "ab"}}, _named("trim", "rtrim"), texts),
        st.builds(lambda name, a: {f"${name}": a}, _named("toBool", "isNumber", "objectToArray"), inner),
        st.builds(lambda a, b: {"$let": {"vars": {"x": a}, "in": {"$ifNull": ["$$x", b]}}}, inner, inner),
        _call("add", st.just("$d"), st.sampled_from([1, -0.5, 86_400_000, 1e17, "$i"])),
        _call(
            "mergeObjects",
            st.sampled_from(["$o", "$o.p", None, {"i": 1}]),
            st.sampled_from(["$o", {"s": "$s", "z": "$f"}, None]),
        ),
        st.builds(lambda a: {"$filter": {"input": a, "cond": {"$gt": ["$$this", 0]}}}, lists),
        st.builds(lambda a, n: {"$filter": {"input": a, "cond": True, "limit": n}}, lists, st.integers(1, 2)),
        st.builds(lambda a, b: {"$map": {"input": a, "as": "x", "in": {"$ifNull": ["$$x", b]}}}, lists, BASE_NUMBERS),
        st.builds(lambda a: {"$reduce": {"input": a, "initialValue": 0, "in": {"$add": ["$$value", "$$this"]}}}, lists),
        st.builds(lambda name, a: {f"${name}": a}, parts, st.just("$d") | inner),
        st.builds(lambda a: {"$dateToString": {"date": a, "format": "%Y-%j %H:%M:%S.%L %w%%"}}, st.just("$d") | inner),
        st.builds(lambda a, b: {"x": a, "y": b}, inner, inner),
    )
