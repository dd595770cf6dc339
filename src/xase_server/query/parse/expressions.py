"""Expressions: `{"$add": ["$a", 1]}` to nodes, each with the type that is known before any row is seen.

Where the type of a computed value is not known beforehand it is `JSON`, below which any path may exist.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from xase_server.query.expressions import (
    Call,
    Each,
    Expression,
    Field,
    Fold,
    FormatDate,
    Items,
    Let,
    Literal,
    Members,
    Switch,
)
from xase_server.query.functions import FUNCTIONS
from xase_server.query.functions.dates import ISO, PARTS, parse_format
from xase_server.query.operators import why_not
from xase_server.query.parse.reading import Place, Reading, whole_number
from xase_server.query.paths import parse_path
from xase_server.query.refusal import NO_SUCH_FIELD
from xase_server.query.schema import JSON, ListOf, Struct, Type, resolve

Typed = tuple[Expression, Type]
NOTHING: Final = Literal(None)

_UTC: Final = {"UTC", "Etc/UTC", "GMT", "Z", "+00", "+0000", "+00:00"}
_LAZY: Final = {"and": (0, None), "or": (0, None), "ifNull": (2, None)}
_TERNARY: Final = 3


class ExpressionReader:
    """Reads expressions over one type of row and some variables."""

    def __init__(self, reading: Reading, root: Type, variables: Mapping[str, Type] | None = None) -> None:
        self._reading = reading
        self._root = root
        self._variables: Mapping[str, Type] = variables or {}

    def read(self, value: Any, place: Place) -> Typed:
        """The node of an expression and what is known of its type."""
        self._reading.node(place)
        if isinstance(value, str) and value.startswith("$"):
            return self._field(value, place)
        if isinstance(value, list):
            return Items(tuple(self.node(each, place.inside(n)) for n, each in enumerate(value))), JSON
        if isinstance(value, dict) and value.keys() != {"$date"}:
            return self._object(value, place)
        return Literal(self._reading.literal(value, place)), JSON

    def node(self, value: Any, place: Place) -> Expression:
        """The node alone."""
        return self.read(value, place)[0]

    def _field(self, text: str, place: Place) -> Typed:
        if not text.startswith("$$"):
            path = parse_path(text[1:], place.path)
            return Field(path), self._resolved(self._root, path, place)
        name, *rest = parse_path(text[2:], place.path)
        path = tuple(rest)
        if name in {"ROOT", "CURRENT"}:
            return Field(path), self._resolved(self._root, path, place)
        if name == "REMOVE" and not path:
            return NOTHING, JSON
        if name not in self._variables:
            raise place.refuse("No such variable")
        return Field(path, name), self._resolved(self._variables[name], path, place)

    @staticmethod
    def _resolved(type_: Type, path: tuple[str, ...], place: Place) -> Type:
        found = resolve(type_, path, in_filter=False)
        if found is None:
            raise place.refuse(NO_SUCH_FIELD)
        return found

    def _object(self, value: dict[str, Any], place: Place) -> Typed:
        name = next(iter(value), "")
        if name.startswith("$"):
            if len(value) != 1:
                raise place.refuse("An expression has one operator")
            return self._operator(name, value[name], place.inside(name))
        members = {key: self.read(each, place.inside(self._name(key, place))) for key, each in value.items()}
        return (
            Members(tuple((key, each) for key, (each, _) in members.items())),
            Struct(tuple((key, type_) for key, (_, type_) in members.items())),
        )

    @staticmethod
    def _name(name: str, place: Place) -> str:
        return plain_name(name, place.key(name))

    def _operator(self, name: str, operand: Any, place: Place) -> Typed:
        self._reading.node(place)
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, operand, place)
        bare = name[1:]
        if bare in PARTS:
            return self._date_part(bare, operand, place)
        function = FUNCTIONS.get(bare)
        least, most = (function.least, function.most) if function else _LAZY.get(bare, (None, None))
        if least is None:
            raise place.refuse(why_not(name, "operator"))
        return self._call(bare, operand, (least, most), place)

    def _call(self, name: str, operand: Any, arity: tuple[int, int | None], place: Place) -> Typed:
        operands = operand if isinstance(operand, list) else [operand]
        least, most = arity
        if len(operands) < least or (most is not None and len(operands) > most):
            bound = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
            raise place.refuse(f"${name} takes {bound} operands")
        steps = [place.inside(n) if isinstance(operand, list) else place for n in range(len(operands))]
        return Call(name, tuple(map(self.node, operands, steps))), JSON

    def _date_part(self, name: str, operand: Any, place: Place) -> Typed:
        if isinstance(operand, dict) and "date" in operand:
            operand = self._named(operand, ("date",), ("timezone",), place)["date"]
            place = place.inside("date")
        return self._call(name, operand, (1, 1), place)

    def _named(
        self, operand: Any, required: tuple[str, ...], optional: tuple[str, ...], place: Place
    ) -> dict[str, Any]:
        if not isinstance(operand, dict):
            raise place.refuse(f"Takes an object with {', '.join(required)}")
        for name in operand:
            if name not in required and name not in optional:
                raise place.key(name).refuse("Unknown operand")
        for name in required:
            if name not in operand:
                raise place.refuse(f"Needs {name}")
        if operand.get("timezone", "UTC") not in _UTC:
            raise place.key("timezone").refuse("All dates are in UTC")
        return operand

    def literal(self, operand: Any, place: Place) -> Typed:
        """`$literal`: the operand unread."""
        return Literal(self._reading.literal(operand, place)), JSON

    def cond(self, operand: Any, place: Place) -> Typed:
        """`$cond` in both of its forms."""
        if isinstance(operand, list):
            if len(operand) != _TERNARY:
                raise place.refuse("$cond takes 3 operands")
            operand = dict(zip(("if", "then", "else"), operand, strict=True))
        self._named(operand, ("if", "then", "else"), (), place)
        condition, then, otherwise = (self.node(operand[key], place.inside(key)) for key in ("if", "then", "else"))
        return Switch(((condition, then),), otherwise), JSON

    def switch(self, operand: Any, place: Place) -> Typed:
        """`$switch`."""
        self._named(operand, ("branches",), ("default",), place)
        branches = operand["branches"]
        if not isinstance(branches, list) or not branches:
            raise place.refuse("$switch takes a list of at least one branch")
        read = tuple(self._branch(each, place.inside("branches").key(n)) for n, each in enumerate(branches))
        default = self.node(operand["default"], place.inside("default")) if "default" in operand else None
        return Switch(read, default), JSON

    def _branch(self, branch: Any, place: Place) -> tuple[Expression, Expression]:
        self._named(branch, ("case", "then"), (), place)
        return self.node(branch["case"], place.inside("case")), self.node(branch["then"], place.inside("then"))

    def each(self, operator: str, operand: Any, place: Place) -> Typed:
        """`$map` and `$filter`."""
        body = "in" if operator == "map" else "cond"
        self._named(operand, ("input", body), ("as",) if operator == "map" else ("as", "limit"), place)
        name = _variable(operand.get("as", "this"), place.key("as"))
        source, type_ = self.read(operand["input"], place.inside("input"))
        element = type_.element if isinstance(type_, ListOf) else JSON
        inner = self._with({name: element})
        inside, made = inner.read(operand[body], place.inside(body))
        found: Expression = Each(operator, source, name, inside)
        if operand.get("limit") is not None:
            found = Call("slice", (found, Literal(self._limit(operand["limit"], place.key("limit")))))
        return found, ListOf(made if operator == "map" else element)

    @staticmethod
    def _limit(operand: Any, place: Place) -> int:
        count = whole_number(operand)
        if count is None or not 0 < count < 2**31:
            raise place.refuse("limit is a constant whole number, 1 or more")
        return count

    def reduce(self, operand: Any, place: Place) -> Typed:
        """`$reduce`."""
        self._named(operand, ("input", "initialValue", "in"), (), place)
        source, type_ = self.read(operand["input"], place.inside("input"))
        initial = self.node(operand["initialValue"], place.inside("initialValue"))
        inner = self._with({"value": JSON, "this": type_.element if isinstance(type_, ListOf) else JSON})
        return Fold(source, initial, inner.node(operand["in"], place.inside("in"))), JSON

    def let(self, operand: Any, place: Place) -> Typed:
        """`$let`."""
        self._named(operand, ("vars", "in"), (), place)
        if not isinstance(operand["vars"], dict):
            raise place.key("vars").refuse("vars is an object")
        at = place.inside("vars")
        read = {_variable(name, at): self.read(value, at.key(name)) for name, value in operand["vars"].items()}
        inner = self._with({name: type_ for name, (_, type_) in read.items()})
        body, made = inner.read(operand["in"], place.inside("in"))
        return Let(tuple((name, value) for name, (value, _) in read.items()), body), made

    def trim(self, operator: str, operand: Any, place: Place) -> Typed:
        """`$trim` and its like."""
        self._named(operand, ("input",), ("chars",), place)
        parts = [name for name in ("input", "chars") if name in operand]
        return Call(operator, tuple(self.node(operand[name], place.inside(name)) for name in parts)), JSON

    def _with(self, variables: Mapping[str, Type]) -> "ExpressionReader":
        return ExpressionReader(self._reading, self._root, {**self._variables, **variables})

    def date_to_string(self, operand: Any, place: Place) -> Typed:
        """`$dateToString`; the format is a constant."""
        self._named(operand, ("date",), ("format", "timezone", "onNull"), place)
        text = operand.get("format", ISO)
        try:
            pieces = parse_format(text)
        except (ValueError, AttributeError, TypeError):
            raise place.key("format").refuse("Not a constant format, or one with an unknown specifier") from None
        otherwise = self.node(operand["onNull"], place.inside("onNull")) if "onNull" in operand else NOTHING
        return FormatDate(pieces, self.node(operand["date"], place.inside("date")), otherwise), JSON


def _variable(name: Any, place: Place) -> str:
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or not name[0].islower():
        raise place.refuse("A variable starts with a small letter and has letters and digits only")
    return name


def plain_name(name: str, place: Place) -> str:
    """A name for something computed: one step of a path."""
    if len(parse_path(name, place.path)) != 1:
        raise place.refuse("A name here has no dots")
    return name


def _trim(operator: str, reader: ExpressionReader, operand: Any, place: Place) -> Typed:
    return reader.trim(operator, operand, place)


_SPECIAL: Final[Mapping[str, Callable[[ExpressionReader, Any, Place], Typed]]] = {
    "$literal": ExpressionReader.literal,
    "$cond": ExpressionReader.cond,
    "$switch": ExpressionReader.switch,
    "$map": lambda reader, operand, place: reader.each("map", operand, place),
    "$filter": lambda reader, operand, place: reader.each("filter", operand, place),
    "$reduce": ExpressionReader.reduce,
    "$let": ExpressionReader.let,
    **{f"${name}": functools.partial(_trim, name) for name in ("trim", "ltrim", "rtrim")},
    "$dateToString": ExpressionReader.date_to_string,
}
