"""Values out of queries: what is left is the query's shape, which is compiled once and never holds a caller's value.

`lift` replaces each value by a slot that says only its kind; the compiler sees slots and so cannot write a
value into SQL. `Parameters` collects which slot becomes which bound parameter, and how it must be turned.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlglot import exp

from xase_server.query import expressions as e
from xase_server.query import nodes as n
from xase_server.query import stages as s
from xase_server.query.projection import Branch, Found, Part, Projection, Sliced, Whole
from xase_server.query.values import bracket

# Integers up to here are exact as floats.
_EXACT: Final = 2**53
# Up to so many values of `$in` are compared one by one: DuckDB then knows them when it plans.
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class Slot:
    """One value: its place among the lifted values, and its kind: null bool int wide float string date."""

    index: int
    kind: str


@dataclass(frozen=True, slots=True)
class ListSlot:
    """A list of values."""

    items: tuple["Template", ...]


@dataclass(frozen=True, slots=True)
class StructSlot:
    """A struct of values; members that are null are left out, as they count as absent."""

    members: tuple[tuple[str, "Template"], ...]


@dataclass(frozen=True, slots=True)
class SetSlot:
    """The values of `$in`: many scalars as one slot and the kinds among them; few scalars, lists and structs each."""

    index: int
    kinds: frozenset[str]
    nested: tuple["Template", ...]


Template = Slot | ListSlot | StructSlot


class Lifted:
    """The values of one query, in the order in which they were met."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def slot(self, value: Any) -> Template:
        """A template for a value; a float without a fraction becomes the integer it equals."""
        if isinstance(value, list):
            return ListSlot(tuple(map(self.slot, value)))
        if isinstance(value, Mapping):
            return StructSlot(tuple((name, self.slot(each)) for name, each in value.items() if each is not None))
        if isinstance(value, float) and abs(value) <= _EXACT and value == int(value):
            value = int(value)
        return self._keep(value, _kind(value))

    def _keep(self, value: Any, kind: str) -> Slot:
        self.values.append(value)
        return Slot(len(self.values) - 1, kind)

    def values_of(self, values: Sequence[Any]) -> SetSlot:
        """A template for the operand of `$in`."""
        scalars = tuple(value for value in values if not isinstance(value, list | dict))
        if len(scalars) <= _FEW:
            nested = tuple(self.slot(value) for value in values if value is not None)
            return SetSlot(-1, frozenset({"null"} if None in scalars else ()), nested)
        nested = tuple(self.slot(value) for value in values if isinstance(value, list | dict))
        self.values.append(scalars)
        return SetSlot(len(self.values) - 1, frozenset(map(bracket, scalars)), nested)

    def node(self, node: n.Node) -> n.Node:
        """A filter without its values."""
        if isinstance(node, n.And):
            return n.And(tuple(map(self.node, node.items)))
        if isinstance(node, n.Or):
            return n.Or(tuple(map(self.node, node.items)))
        if isinstance(node, n.Not):
            return n.Not(self.node(node.item))
        if isinstance(node, n.At):
            return n.At(node.path, self.test(node.test))
        if isinstance(node, n.Is):
            return n.Is(self.test(node.test))
        return n.Holds(self.expression(node.expression))

    def test(self, test: n.Test) -> n.Test:
        """A test without its values."""
        match test:
            case n.Equal(value):
                return n.Equal(self.slot(value))
            case n.Compare(operator, value):
                return n.Compare(operator, self.slot(value))
            case n.In(values):
                return n.In((self.values_of(values),))
            case n.Matches(pattern):
                return n.Matches(self.slot(pattern))
            case n.Size(count):
                return n.Size(self.slot(count))
            case n.Longer(count):
                return n.Longer(self.slot(count))
            case n.Modulo(divisor, remainder):
                return n.Modulo(self.slot(divisor), self.slot(remainder))
            case n.Element(condition, of_structs):
                return n.Element(self.node(condition), of_structs)
        return test

    def expression(self, expression: e.Expression) -> e.Expression:
        """An expression without its values."""
        lift: Callable[[Lifted, Any], e.Expression] = _EXPRESSIONS[type(expression)]
        return lift(self, expression)

    def literal(self, value: Any) -> e.Expression:
        """A constant as an expression: lists and structs are built from their parts."""
        if isinstance(value, list):
            return e.Items(tuple(map(self.literal, value)))
        if isinstance(value, Mapping):
            return e.Members(tuple((name, self.literal(each)) for name, each in value.items()))
        return e.Literal(self.slot(value))

    def stage(self, stage: s.Stage) -> s.Stage:
        """A stage without its values. Counts of `$limit` and `$skip` stay: they are plain whole numbers."""
        match stage:
            case s.Match(filter):
                return s.Match(self.node(filter))
            case s.Crowds(key, fields, subjects, least):
                counted = tuple(map(self.expression, subjects))
                return s.Crowds(self.expression(key), self._outputs(fields), counted, least)
            case s.Group(key, fields):
                return s.Group(self.expression(key), self._outputs(fields))
            case s.Reshape(projection):
                return s.Reshape(Projection(projection.exclude, self._parts(projection.parts)))
            case s.Assign(fields):
                return s.Assign(tuple((path, self.expression(each)) for path, each in fields))
            case s.ReplaceRoot(root):
                return s.ReplaceRoot(self.expression(root))
        return stage

    def _outputs(self, fields: Sequence[s.Accumulate]) -> tuple[s.Accumulate, ...]:
        return tuple(s.Accumulate(each.name, each.operator, self.expression(each.operand)) for each in fields)

    def _parts(self, parts: Sequence[tuple[str, Part]]) -> tuple[tuple[str, Part], ...]:
        return tuple((name, self._part(part)) for name, part in parts)

    def _part(self, part: Part) -> Part:
        if isinstance(part, Branch):
            return Branch(self._parts(part.parts))
        return part if isinstance(part, Whole | Sliced | Found) else self.expression(part)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if abs(value) <= _EXACT else "wide"
    if isinstance(value, float):
        return "float"
    return "string" if isinstance(value, str) else "date"


_EXPRESSIONS: Final[Mapping[type, Callable[[Lifted, Any], e.Expression]]] = {
    e.Literal: lambda lifted, x: lifted.literal(x.value),
    e.Field: lambda _, x: x,
    e.Members: lambda lifted, x: e.Members(tuple((name, lifted.expression(each)) for name, each in x.items)),
    e.Items: lambda lifted, x: e.Items(tuple(map(lifted.expression, x.items))),
    e.Call: lambda lifted, x: e.Call(x.operator, tuple(map(lifted.expression, x.operands))),
    e.Switch: lambda lifted, x: e.Switch(
        tuple((lifted.expression(condition), lifted.expression(value)) for condition, value in x.branches),
        None if x.default is None else lifted.expression(x.default),
    ),
    e.Each: lambda lifted, x: e.Each(x.operator, lifted.expression(x.source), x.variable, lifted.expression(x.body)),
    e.Fold: lambda lifted, x: e.Fold(*map(lifted.expression, (x.source, x.initial, x.body))),
    e.Let: lambda lifted, x: e.Let(
        tuple((name, lifted.expression(value)) for name, value in x.variables), lifted.expression(x.body)
    ),
    e.FormatDate: lambda lifted, x: e.FormatDate(x.pattern, lifted.expression(x.date), lifted.expression(x.otherwise)),
}


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _float_above(number: int) -> float:
    """The least float that is not below an integer."""
    near = float(number)
    return near if near >= number else math.nextafter(near, math.inf)


def _float_below(number: int) -> float:
    """The greatest float that is not above an integer."""
    near = float(number)
    return near if near <= number else math.nextafter(near, -math.inf)


def _within(number: int) -> int:
    return max(-(2**100), min(2**100, number))


def _integers(values: Sequence[Any]) -> list[int]:
    numbers = [value for value in values if bracket(value) == "number" and value == value // 1]
    return [int(number) for number in numbers if -(2**63) <= number < 2**63]


def _wide_integers(values: Sequence[Any]) -> list[int]:
    numbers = [value for value in values if bracket(value) == "number" and value == value // 1]
    return [int(number) for number in numbers if abs(number) < 2**100]


def _floats(values: Sequence[Any]) -> list[float]:
    numbers = [value for value in values if bracket(value) == "number"]
    return [float(number) for number in numbers if float(number) == number]


def _only(family: str) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda values: [value for value in values if bracket(value) == family]


# How a lifted value is turned on its way to a parameter.
_TURNS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "as_is": lambda value: value,
    "naive": _naive,
    "floor": lambda value: _within(math.floor(value)),
    "ceiling": lambda value: _within(math.ceil(value)),
    "whole": lambda value: [int(value)] if value == value // 1 and abs(value) < 2**100 else [],
    "exact": lambda value: [float(value)] if float(value) == value else [],
    "float_above": _float_above,
    "float_below": _float_below,
    "integers": _integers,
    "wide_integers": _wide_integers,
    "floats": _floats,
    "strings": _only("string"),
    "bools": _only("bool"),
    "dates": lambda values: list(map(_naive, _only("date")(values))),
}


class Parameters:
    """The bound parameters of one plan: lifted values by place, and texts that belong to the shape itself."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[int, str] | str, int] = {}

    def bound(self, index: int, turn: str = "as_is") -> exp.Expression:
        """The parameter for a lifted value."""
        return self._placeholder((index, turn))

    def text(self, text: str) -> exp.Expression:
        """The parameter for a text that is part of the shape, such as a step of a path into a JSON column."""
        return exp.Cast(this=self._placeholder(text), to=exp.DataType(this=exp.DataType.Type.VARCHAR))

    def _placeholder(self, wanted: tuple[int, str] | str) -> exp.Expression:
        return exp.Placeholder(this=str(self._wanted.setdefault(wanted, len(self._wanted) + 1)))

    def used_in(self, query: exp.Expression) -> tuple[tuple[int, str] | str, ...]:
        """What to bind, in order, for the parameters that are left in a query; they are numbered anew."""
        nodes = {id(node): node for node in query.find_all(exp.Placeholder)}
        wanted = list(self._wanted)
        left = {node.name: wanted[int(node.name) - 1] for node in nodes.values()}
        places = {name: str(place) for place, name in enumerate(left, start=1)}
        for node in nodes.values():
            node.set("this", places[node.name])
        return tuple(left.values())


def bind(wanted: Sequence[tuple[int, str] | str], values: Sequence[Any]) -> list[Any]:
    """The parameters of a plan for one query's values."""
    return [each if isinstance(each, str) else _TURNS[each[1]](values[each[0]]) for each in wanted]
