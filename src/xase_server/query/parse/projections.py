"""Projections: what `fields`, `$project` and `$unset` keep, drop and compute."""

from typing import Any

from xase_server.query.nodes import At, Element
from xase_server.query.parse.expressions import ExpressionReader
from xase_server.query.parse.filters import FilterReader
from xase_server.query.parse.reading import Place, Reading, whole_number
from xase_server.query.paths import Path, parse_path
from xase_server.query.projection import Branch, Found, Part, Projection, Sliced, Whole
from xase_server.query.schema import JSON, ListOf, Struct, Type

_Leaf = tuple[Path, Part, Place]


class Tree:
    """Collects the paths of one projection and refuses those that collide."""

    def __init__(self) -> None:
        self._parts: dict[str, Part | Tree] = {}

    def add(self, path: Path, part: Part, place: Place) -> None:
        """Note what happens at a path."""
        head, rest = path[0], path[1:]
        present = self._parts.get(head)
        if present is not None and not (rest and isinstance(present, Tree)):
            raise place.refuse("The path collides with another one")
        if not rest:
            self._parts[head] = part
            return
        below = present if isinstance(present, Tree) else Tree()
        self._parts[head] = below
        below.add(rest, part, place)

    def parts(self) -> tuple[tuple[str, Part], ...]:
        """The tree, frozen."""
        return tuple(
            (name, Branch(part.parts()) if isinstance(part, Tree) else part) for name, part in self._parts.items()
        )


class ProjectionReader:
    """Reads one projection over a type of row; `computing` allows expressions, as in `$project`."""

    def __init__(self, reading: Reading, schema: Struct, *, computing: bool) -> None:
        self._reading = reading
        self._schema = schema
        self._computing = computing
        self._expressions = ExpressionReader(reading, schema)
        self._leaves: list[_Leaf] = []
        self._modes: dict[bool, Place] = {}
        self._identity: bool | None = None

    def read(self, value: Any, place: Place) -> tuple[Projection, Struct]:
        """The projection and the type of the rows that it makes."""
        if not isinstance(value, dict) or (self._computing and not value):
            raise place.refuse("A projection is an object" + (" with at least one field" if self._computing else ""))
        self._reading.node(place)
        for name, operand in value.items():
            self._entry((), name, operand, place.inside(name))
        return self._finished(place)

    def _entry(self, parent: Path, name: str, operand: Any, place: Place) -> None:
        self._reading.node(place)
        path = (*parent, *parse_path(name, place.path))
        if isinstance(operand, dict) and operand and not next(iter(operand)).startswith("$"):
            for inner, each in operand.items():
                self._entry(path, inner, each, place.inside(inner))
        elif isinstance(operand, bool | int | float):
            self._plain(path, keep=bool(operand), place=place)
        else:
            self._made(path, operand, place)

    def _plain(self, path: Path, *, keep: bool, place: Place) -> None:
        if path == ("_id",):
            self._identity = keep
            return
        self._mode(keep=keep, place=place)
        self._leaves.append((path, Whole(), place))

    def _mode(self, *, keep: bool, place: Place) -> None:
        self._modes.setdefault(keep, place)
        if len(self._modes) > 1:
            raise place.refuse("A projection either keeps or drops; only _id may differ")

    def _made(self, path: Path, operand: Any, place: Place) -> None:
        if not self._computing:
            self._leaves.append((path, self._picked(path, operand, place), place))
            return
        self._mode(keep=True, place=place)
        self._leaves.append((path, self._expressions.node(operand, place), place))

    def _picked(self, path: Path, operand: Any, place: Place) -> Part:
        """`$elemMatch`, which keeps, or `$slice`, which neither keeps nor drops."""
        if not isinstance(operand, dict) or operand.keys() != {"$elemMatch"}:
            return self._window(operand, place)
        if len(path) > 1:
            raise place.refuse("$elemMatch here takes a name without dots")
        self._mode(keep=True, place=place)
        found = FilterReader(self._reading, self._schema).document({path[0]: operand}, place)
        assert isinstance(found, At), "one path, one test"
        assert isinstance(found.test, Element), "as it was written"
        return Found(found.test)

    @staticmethod
    def _window(operand: Any, place: Place) -> Sliced:
        bounds = operand["$slice"] if isinstance(operand, dict) and operand.keys() == {"$slice"} else None
        numbers = [whole_number(each) for each in (bounds if isinstance(bounds, list) else [bounds])]
        match numbers:
            case [int(count)]:
                return Sliced(0, count) if count >= 0 else Sliced(count, None)
            case [int(start), int(count)] if count > 0:
                return Sliced(start, count)
        raise place.refuse("fields takes 1, 0, {$slice: n}, or {$elemMatch: {…}}")

    def _finished(self, place: Place) -> tuple[Projection, Struct]:
        exclude = self._excludes()
        tree = Tree()
        for path, part, at in self._leaves:
            tree.add(path, part, at)
        if exclude and self._identity is False:
            tree.add(("_id",), Whole(), place)
        parts = tree.parts()
        if not exclude and self._identity is not False and all(name != "_id" for name, _ in parts):
            parts = (("_id", Whole()), *parts)
        projection = Projection(exclude=exclude, parts=parts)
        return projection, projected(self._schema, projection)

    def _excludes(self) -> bool:
        if self._modes:
            return False in self._modes
        return self._identity is not True or bool(self._leaves)


def projected(schema: Struct, projection: Projection) -> Struct:
    """The type of the rows that a projection makes; what it computes may hold anything."""
    parts = dict(projection.parts)
    if projection.exclude:
        kept = ((name, _dropped(type_, parts.get(name))) for name, type_ in schema.members)
    else:
        kept = ((name, _kept(schema.member(name), part)) for name, part in parts.items())
    return Struct(tuple((name, type_) for name, type_ in kept if type_ is not None), schema.open and projection.exclude)


def _dropped(type_: Type, part: Part | None) -> Type | None:
    if part is None or isinstance(part, Sliced):
        return type_
    if isinstance(type_, ListOf):
        element = _dropped(type_.element, part)
        return None if element is None else ListOf(element)
    if isinstance(part, Branch):
        return projected(type_, Projection(exclude=True, parts=part.parts)) if isinstance(type_, Struct) else type_
    return None


def _kept(type_: Type | None, part: Part) -> Type | None:
    if isinstance(part, Whole | Sliced | Found):
        return type_
    if not isinstance(part, Branch):
        return JSON
    if isinstance(type_, ListOf):
        element = _kept(type_.element, part)
        return None if element is None else ListOf(element)
    if type_ == JSON:
        return JSON
    made = projected(type_ if isinstance(type_, Struct) else Struct(()), Projection(exclude=False, parts=part.parts))
    return made if made.members or isinstance(type_, Struct) else None
