"""Filters: `{"age": {"$gte": 50}, "$or": […]}` to nodes."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from xase_server.query import regex
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.nodes import (
    FALSE,
    TRUE,
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
from xase_server.query.operators import why_not
from xase_server.query.parse.expressions import ExpressionReader
from xase_server.query.parse.reading import Place, Reading, is_operators, whole_number
from xase_server.query.paths import Path, parse_path
from xase_server.query.refusal import NO_SUCH_FIELD
from xase_server.query.rewrite import simplified
from xase_server.query.schema import JSON, ListOf, Schema, Struct, Type, is_index, resolve

Wrap = Callable[[Test], Node]

_TYPE_NAMES: Final[Mapping[str | int, str]] = {
    "double": "double", "string": "string", "object": "object", "array": "array", "bool": "bool", "date": "date",
    "null": "null", "int": "int", "long": "long", "number": "number",
    1: "double", 2: "string", 3: "object", 4: "array", 8: "bool", 9: "date", 10: "null", 16: "int", 18: "long",
}  # fmt: skip
# Types of MongoDB that no dataset holds: known names that match nothing.
_FOREIGN_TYPES: Final = {
    "binData", "undefined", "objectId", "regex", "dbPointer", "javascript", "symbol", "javascriptWithScope",
    "timestamp", "decimal", "minKey", "maxKey", 5, 6, 7, 11, 12, 13, 14, 15, 17, 19, -1, 127,
}  # fmt: skip
_MODULO_OPERANDS: Final = 2


def parse_filter(
    value: Any,
    schema: Schema,
    limits: QuerySettings = DEFAULTS,
    *,
    where: str = "",
) -> Node:
    """The node of a filter; `schema` holds the fields that this caller may filter by.

    Raises `invalid_query` for whatever the language does not have, with the path to it below `where`.
    """
    return simplified(FilterReader(Reading(limits), schema).document(value, Place(where)))


class FilterReader:
    """Reads filters over one schema."""

    def __init__(self, reading: Reading, schema: Type) -> None:
        self._reading = reading
        self._schema = schema

    def document(self, value: Any, place: Place) -> Node:
        """A whole filter: all of its conditions."""
        if not isinstance(value, dict):
            raise place.refuse("A filter is an object")
        self._reading.node(place)
        return conjunction([self._entry(name, operand, place.inside(name)) for name, operand in value.items()])

    def _entry(self, name: str, operand: Any, place: Place) -> Node:
        if not name.startswith("$"):
            return self._condition(self._path(name, place), operand, place)
        if name in {"$and", "$or", "$nor"}:
            return self._logic(name, operand, place)
        if name == "$expr":
            return self._expression(operand, place)
        if name == "$comment" and isinstance(operand, str):
            return TRUE
        raise place.refuse(why_not(name, "operator"))

    def _logic(self, name: str, operand: Any, place: Place) -> Node:
        if not isinstance(operand, list) or not operand:
            raise place.refuse(f"{name} takes a list of at least one filter")
        items = tuple(self.document(each, place.inside(number)) for number, each in enumerate(operand))
        return And(items) if name == "$and" else Or(items) if name == "$or" else Not(Or(items))

    def _expression(self, operand: Any, place: Place) -> Node:
        if not isinstance(self._schema, Struct):
            raise place.refuse("$expr stands only at the top of a filter")
        return Holds(ExpressionReader(self._reading, self._schema).read(operand, place)[0])

    def _path(self, name: str, place: Place) -> Path:
        path = parse_path(name, place.path)
        if resolve(self._schema, path, in_filter=True) is None:
            raise place.refuse(NO_SUCH_FIELD)
        return path

    def _condition(self, path: Path, operand: Any, place: Place) -> Node:
        self._reading.node(place)
        if not is_operators(operand):
            return At(path, Equal(self._reading.literal(operand, place)))
        return self._operators(operand, lambda test: At(path, test), self._type(path), place)

    def _type(self, path: Path) -> Type:
        return resolve(self._schema, path, in_filter=True) or JSON

    def _operators(self, operand: dict[str, Any], wrap: Wrap, type_: Type, place: Place) -> Node:
        tests = _TestReader(self._reading, wrap, type_)
        return conjunction([tests.read(name, operand, place.inside(name)) for name in operand])


class _TestReader:
    """Reads the operators that follow a path; `wrap` puts a test at that path."""

    def __init__(self, reading: Reading, wrap: Wrap, type_: Type) -> None:
        self._reading = reading
        self._wrap = wrap
        self._type = type_

    def read(self, name: str, siblings: dict[str, Any], place: Place) -> Node:
        """The condition that one operator makes."""
        self._reading.node(place)
        reader = _READERS.get(name)
        if reader is None:
            raise place.refuse(why_not(name, "operator"))
        return reader(self, siblings[name], siblings, place)

    def equal(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        return self._wrap(Equal(self._reading.literal(operand, place)))

    def unequal(self, operand: Any, siblings: dict[str, Any], place: Place) -> Node:
        return Not(self.equal(operand, siblings, place))

    def compare(self, operator: str, operand: Any, place: Place) -> Node:
        value = self._reading.literal(operand, place)
        if isinstance(value, dict | list):
            raise place.refuse("Takes a single value, not a list or an object")
        if value is None:
            return self._wrap(Equal(None)) if operator in {"gte", "lte"} else FALSE
        return self._wrap(Compare(operator, value))

    def one_of(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        if not isinstance(operand, list):
            raise place.refuse("Takes a list of values")
        limit = self._reading.limits.in_values
        if len(operand) > limit:
            raise place.refuse(f"Takes at most {limit} values")
        return self._wrap(In(tuple(self._reading.literal(each, place.inside(n)) for n, each in enumerate(operand))))

    def none_of(self, operand: Any, siblings: dict[str, Any], place: Place) -> Node:
        return Not(self.one_of(operand, siblings, place))

    def negated(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        if not is_operators(operand):
            raise place.refuse("$not takes an object of operators")
        return Not(conjunction([self.read(name, operand, place.inside(name)) for name in operand]))

    def exists(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        if not isinstance(operand, bool | int):
            raise place.refuse("$exists takes true or false")
        found = self._there()
        return found if operand else Not(found)

    def _there(self) -> Node:
        """Whether something is there: an element always is, and a position in a list when the list reaches it."""
        match self._wrap(Exists()):
            case Is():
                return TRUE
            case At((*_, _, last) as path) as found if is_index(last):
                return Or((found, At(tuple(path[:-1]), Longer(int(last)))))
            case found:
                return found

    def matches(self, operand: Any, siblings: dict[str, Any], place: Place) -> Node:
        options = siblings.get("$options", "")
        if not isinstance(operand, str) or not isinstance(options, str):
            raise place.refuse("$regex and $options take a string")
        limit = self._reading.limits.regex_characters
        if len(operand) > limit:
            raise place.refuse(f"A pattern has at most {limit} characters")
        return self._wrap(Matches(regex.portable(operand, options, place.path)))

    def options(self, _: Any, siblings: dict[str, Any], place: Place) -> Node:
        if "$regex" not in siblings:
            raise place.refuse("$options goes with $regex")
        return TRUE

    def size(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        count = whole_number(operand)
        if count is None or count < 0:
            raise place.refuse("$size takes a whole number, 0 or more")
        return self._wrap(Size(count)) if count < 2**31 else FALSE

    def types(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        names = operand if isinstance(operand, list) else [operand]
        if not names:
            raise place.refuse("$type takes at least one type")
        known = tuple(_TYPE_NAMES[name] for name in names if self._is_ours(name, place))
        return self._wrap(TypeIs(tuple(sorted(set(known))))) if known else FALSE

    @staticmethod
    def _is_ours(name: Any, place: Place) -> bool:
        if isinstance(name, bool) or not isinstance(name, str | int | float):
            raise place.refuse("$type takes names or numbers of types")
        if name not in _TYPE_NAMES and name not in _FOREIGN_TYPES:
            raise place.refuse("No such type")
        return name in _TYPE_NAMES

    def modulo(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        numbers = operand if isinstance(operand, list) else []
        if len(numbers) != _MODULO_OPERANDS or any(
            isinstance(n, bool) or not isinstance(n, int | float) or not -(2**63) < n < 2**63 for n in numbers
        ):
            raise place.refuse("$mod takes a divisor and a remainder")
        divisor, remainder = (int(number) for number in numbers)
        if divisor == 0:
            raise place.refuse("$mod by zero")
        return self._wrap(Modulo(divisor, remainder))

    def element(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        if not isinstance(operand, dict):
            raise place.refuse("$elemMatch takes an object")
        inner = self._type.element if isinstance(self._type, ListOf) else JSON
        if is_operators(operand) and next(iter(operand)) not in {"$and", "$or", "$nor", "$expr"}:
            tests = _TestReader(self._reading, Is, inner)
            condition = conjunction([tests.read(name, operand, place.inside(name)) for name in operand])
            return self._wrap(Element(condition, of_structs=False))
        structs = inner if isinstance(self._type, ListOf) and isinstance(inner, Struct) else JSON
        return self._wrap(Element(FilterReader(self._reading, structs).document(operand, place), of_structs=True))

    def all_of(self, operand: Any, _: dict[str, Any], place: Place) -> Node:
        if not isinstance(operand, list):
            raise place.refuse("$all takes a list of values")
        if len(operand) > self._reading.limits.nodes:
            raise place.refuse(f"Takes at most {self._reading.limits.nodes} values")
        return (
            conjunction([self._one_of_all(each, place.inside(n)) for n, each in enumerate(operand)])
            if operand
            else FALSE
        )

    def _one_of_all(self, operand: Any, place: Place) -> Node:
        if is_operators(operand) and operand.keys() == {"$elemMatch"}:
            return self.element(operand["$elemMatch"], operand, place.inside("$elemMatch"))
        return self.equal(operand, {}, place)


def conjunction(items: list[Node]) -> Node:
    """All of these; a single one is itself."""
    return items[0] if len(items) == 1 else And(tuple(items))


_Reader = Callable[[_TestReader, Any, dict[str, Any], Place], Node]


def _comparison(operator: str) -> _Reader:
    return lambda reader, operand, _, place: reader.compare(operator, operand, place)


_READERS: Final[Mapping[str, _Reader]] = {
    "$eq": _TestReader.equal,
    "$ne": _TestReader.unequal,
    "$gt": _comparison("gt"),
    "$gte": _comparison("gte"),
    "$lt": _comparison("lt"),
    "$lte": _comparison("lte"),
    "$in": _TestReader.one_of,
    "$nin": _TestReader.none_of,
    "$not": _TestReader.negated,
    "$exists": _TestReader.exists,
    "$regex": _TestReader.matches,
    "$options": _TestReader.options,
    "$elemMatch": _TestReader.element,
    "$all": _TestReader.all_of,
    "$size": _TestReader.size,
    "$type": _TestReader.types,
    "$mod": _TestReader.modulo,
}
