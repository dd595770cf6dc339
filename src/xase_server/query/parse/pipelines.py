"""Pipelines: a list of stages to nodes. Each stage is read over the type of the rows that reach it."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from xase_server.query.accumulators import ACCUMULATORS
from xase_server.query.expressions import Call, Expression, Literal, Switch
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.operators import why_not
from xase_server.query.parse.expressions import ExpressionReader, plain_name
from xase_server.query.parse.filters import FilterReader
from xase_server.query.parse.finds import natural, read_sort
from xase_server.query.parse.projections import ProjectionReader, Tree, projected
from xase_server.query.parse.reading import Place, Reading
from xase_server.query.paths import Path, parse_path
from xase_server.query.projection import Projection, Whole
from xase_server.query.refusal import NO_SUCH_FIELD
from xase_server.query.rewrite import simplified
from xase_server.query.schema import JSON, ListOf, Schema, Struct, Type, resolve, struct
from xase_server.query.stages import (
    Accumulate,
    Assign,
    Facet,
    Group,
    Limit,
    Match,
    Pipeline,
    ReplaceRoot,
    Reshape,
    Sample,
    Skip,
    Sort,
    SortKey,
    Stage,
    Unwind,
)
from xase_server.query.values import order, rank

_Read = tuple[tuple[Stage, ...], Struct]
_ONE: Final = Literal(1)


def parse_pipeline(
    value: Any,
    schema: Schema,
    limits: QuerySettings = DEFAULTS,
    *,
    filterable: Schema | None = None,
    of_groups: tuple[str, ...] = (),
) -> Pipeline:
    """The stages of a pipeline over rows of this type; a refusal's path starts with the stage's number.

    `filterable` holds the fields that `$match` may ask about while the rows are still the dataset's own,
    `of_groups` what rows of groups may have besides what the query computes. Raises `invalid_query`.
    """
    return PipelineReader(Reading(limits), schema, filterable or schema, of_groups).read(value, Place(whole="pipeline"))


class PipelineReader:
    """Reads one pipeline, stage by stage, and carries the type of the rows along."""

    def __init__(self, reading: Reading, schema: Struct, filterable: Struct, of_groups: tuple[str, ...]) -> None:
        self._reading = reading
        self._schema = schema
        self._filterable = filterable
        self._of_groups = of_groups
        self._inside_facet = False

    def read(self, value: Any, place: Place) -> Pipeline:
        """All stages."""
        if not isinstance(value, list):
            raise place.refuse("A pipeline is a list of stages")
        if len(value) > self._reading.limits.stages:
            raise place.refuse(f"A pipeline has at most {self._reading.limits.stages} stages")
        return tuple(stage for number, each in enumerate(value) for stage in self._stage(each, place.inside(number)))

    def _stage(self, value: Any, place: Place) -> tuple[Stage, ...]:
        self._reading.node(place)
        if not isinstance(value, dict) or len(value) != 1:
            raise place.refuse("A stage is an object with exactly one name")
        ((name, operand),) = value.items()
        reader = _READERS.get(name)
        if reader is None:
            raise place.key(name).refuse(why_not(name, "stage"))
        stages, schema = reader(self, operand, place.inside(name))
        if schema is not self._schema:
            self._schema = self._filterable = _remembering(schema, self._schema)
        return stages

    def _expressions(self) -> ExpressionReader:
        return ExpressionReader(self._reading, self._schema)

    def match(self, operand: Any, place: Place) -> _Read:
        """`$match`."""
        filter_ = FilterReader(self._reading, self._filterable).document(operand, place)
        return (Match(simplified(filter_)),), self._schema

    def sort(self, operand: Any, place: Place) -> _Read:
        """`$sort`."""
        if isinstance(operand, str):
            raise place.refuse("$sort takes an object")
        return (Sort(read_sort(operand, self._schema, place)),), self._schema

    def limit(self, operand: Any, place: Place) -> _Read:
        """`$limit`, at least 1."""
        return (Limit(natural(operand, place, 1)),), self._schema

    def skip(self, operand: Any, place: Place) -> _Read:
        """`$skip`."""
        return (Skip(natural(operand, place)),), self._schema

    def sample(self, operand: Any, place: Place) -> _Read:
        """`$sample`."""
        if not isinstance(operand, dict) or operand.keys() != {"size"}:
            raise place.refuse("$sample takes {size: n}")
        return (Sample(natural(operand["size"], place.key("size"), 1)),), self._schema

    def project(self, operand: Any, place: Place) -> _Read:
        """`$project`."""
        reader = ProjectionReader(self._reading, self._schema, computing=True)
        projection, schema = reader.read(operand, place)
        return (Reshape(projection),), schema

    def unset(self, operand: Any, place: Place) -> _Read:
        """`$unset`, as a projection that drops."""
        names = operand if isinstance(operand, list) else [operand]
        if not names or not all(isinstance(name, str) for name in names):
            raise place.refuse("$unset takes a path or a list of paths")
        tree = Tree()
        for name in names:
            tree.add(parse_path(name, place.path), Whole(), place)
        projection = Projection(exclude=True, parts=tree.parts())
        return (Reshape(projection),), projected(self._schema, projection)

    def assign(self, operand: Any, place: Place) -> _Read:
        """`$addFields` and `$set`."""
        if not isinstance(operand, dict) or not operand:
            raise place.refuse("Takes an object with at least one field")
        fields: list[tuple[Path, Expression]] = []
        tree = Tree()
        for name, each in operand.items():
            self._assigned((), name, each, place.inside(name), fields)
        for path, _ in fields:
            tree.add(path, Whole(), place)
        return (Assign(tuple(fields)),), Struct(_set(self._schema, [path for path, _ in fields]), self._schema.open)

    def _assigned(
        self, parent: Path, name: str, operand: Any, place: Place, fields: list[tuple[Path, Expression]]
    ) -> None:
        path = (*parent, *parse_path(name, place.path))
        if isinstance(operand, dict) and operand and not next(iter(operand)).startswith("$"):
            self._reading.node(place)
            for inner, each in operand.items():
                self._assigned(path, inner, each, place.inside(inner), fields)
        else:
            fields.append((path, self._expressions().node(operand, place)))

    def unwind(self, operand: Any, place: Place) -> _Read:
        """`$unwind`."""
        options = operand if isinstance(operand, dict) else {"path": operand}
        if not options.keys() <= {"path", "includeArrayIndex", "preserveNullAndEmptyArrays"}:
            raise place.refuse("$unwind takes path, includeArrayIndex and preserveNullAndEmptyArrays")
        path, index = options.get("path"), options.get("includeArrayIndex")
        preserve = options.get("preserveNullAndEmptyArrays", False)
        if not isinstance(path, str) or not path.startswith("$"):
            raise place.refuse("The path of $unwind starts with $")
        if not isinstance(preserve, bool) or not (index is None or isinstance(index, str)):
            raise place.refuse("includeArrayIndex is a name, preserveNullAndEmptyArrays true or false")
        steps = parse_path(path[1:], place.path)
        name = None if index is None else plain_name(index, place.key("includeArrayIndex"))
        return (Unwind(steps, preserve, name),), self._unwound(steps, name, place)

    def _unwound(self, path: Path, index: str | None, place: Place) -> Struct:
        members = _at(self._schema, path, place)
        if index is None:
            return members
        return Struct((*(pair for pair in members.members if pair[0] != index), (index, JSON)), members.open)

    def group(self, operand: Any, place: Place) -> _Read:
        """`$group`."""
        if not isinstance(operand, dict) or "_id" not in operand:
            raise place.refuse("$group takes an object with _id")
        key, key_type = self._expressions().read(operand["_id"], place.inside("_id"))
        outputs = {name: each for name, each in operand.items() if name != "_id"}
        return (Group(key, self._accumulated(outputs, place)),), self._grouped(key_type, outputs)

    def _grouped(self, key: Type, outputs: Iterable[str]) -> Struct:
        return struct({"_id": key, **dict.fromkeys((*outputs, *self._of_groups), JSON)})

    def _accumulated(self, outputs: dict[str, Any], place: Place) -> tuple[Accumulate, ...]:
        return tuple(self._accumulate(name, each, place.inside(name)) for name, each in outputs.items())

    def _accumulate(self, name: str, operand: Any, place: Place) -> Accumulate:
        self._reading.node(place)
        plain_name(name, place)
        if not isinstance(operand, dict) or len(operand) != 1:
            raise place.refuse("A field of a group has exactly one accumulator")
        ((operator, value),) = operand.items()
        if operator[1:] not in ACCUMULATORS or operator[:1] != "$":
            raise place.key(operator).refuse(why_not(operator, "accumulator"))
        if isinstance(value, list):
            raise place.key(operator).refuse("An accumulator takes one operand, not a list")
        if operator == "$count":
            if value != {}:
                raise place.key(operator).refuse("$count takes {}")
            return Accumulate(name, "count", _ONE)
        return Accumulate(name, operator[1:], self._expressions().node(value, place.inside(operator)))

    def count(self, operand: Any, place: Place) -> _Read:
        """`$count`, as a group without its key."""
        if not isinstance(operand, str):
            raise place.refuse("$count takes a name")
        name = plain_name(operand, place)
        if name == "_id":
            raise place.refuse("$count takes a name other than _id")
        schema = struct({name: JSON})
        group = Group(Literal(None), (Accumulate(name, "count", _ONE),))
        return (group, Reshape(Projection(exclude=True, parts=(("_id", Whole()),)))), schema

    def sort_by_count(self, operand: Any, place: Place) -> _Read:
        """`$sortByCount`, as a group and a sort."""
        key, type_ = self._expressions().read(operand, place)
        group = Group(key, (Accumulate("count", "count", _ONE),))
        return (group, Sort((SortKey(("count",), descending=True),))), self._grouped(type_, ["count"])

    def bucket(self, operand: Any, place: Place) -> _Read:
        """`$bucket`, as a group by a `$switch` over the boundaries."""
        if not isinstance(operand, dict) or not {"groupBy", "boundaries"} <= operand.keys():
            raise place.refuse("$bucket takes an object with groupBy and boundaries")
        if not operand.keys() <= {"groupBy", "boundaries", "default", "output"}:
            raise place.refuse("$bucket takes groupBy, boundaries, default and output")
        value = self._expressions().node(operand["groupBy"], place.inside("groupBy"))
        bounds = self._bounds(operand["boundaries"], place.inside("boundaries"))
        default = self._default(operand, bounds, place)
        outputs = operand.get("output", {"count": {"$sum": 1}})
        if not isinstance(outputs, dict) or "_id" in outputs:
            raise place.key("output").refuse("output is an object of accumulators")
        group = Group(_bucketed(value, bounds, default), self._accumulated(outputs, place.inside("output")))
        return (group, Sort((SortKey(("_id",)),))), self._grouped(JSON, outputs)

    def _bounds(self, operand: Any, place: Place) -> list[Any]:
        if not isinstance(operand, list) or len(operand) < 2:  # noqa: PLR2004 - one bucket has two ends
            raise place.refuse("boundaries is a list of at least two constants")
        bounds = [self._reading.literal(each, place.inside(number)) for number, each in enumerate(operand)]
        for low, high in pairwise(bounds):
            if rank(low) != rank(high) or low is None or order(low, high) >= 0:
                raise place.refuse("boundaries are of one type and ascend")
        return bounds

    def _default(self, operand: dict[str, Any], bounds: list[Any], place: Place) -> Literal | None:
        if "default" not in operand:
            return None
        value = self._reading.literal(operand["default"], place.inside("default"))
        if order(value, bounds[0]) >= 0 and order(value, bounds[-1]) < 0:
            raise place.key("default").refuse("default lies outside the boundaries")
        return Literal(value)

    def facet(self, operand: Any, place: Place) -> _Read:
        """`$facet`."""
        if self._inside_facet or not isinstance(operand, dict) or not operand:
            raise place.refuse("$facet takes an object of pipelines, none with another $facet")
        branches = tuple(
            (plain_name(name, place.key(name)), self._branch(each, place.inside(name)))
            for name, each in operand.items()
        )
        return (Facet(branches),), struct({name: JSON for name, _ in branches})

    def _branch(self, operand: Any, place: Place) -> Pipeline:
        reader = PipelineReader(self._reading, self._schema, self._filterable, self._of_groups)
        reader._inside_facet = True
        return reader.read(operand, place)

    def replace_root(self, operand: Any, place: Place) -> _Read:
        """`$replaceRoot`."""
        if not isinstance(operand, dict) or operand.keys() != {"newRoot"}:
            raise place.refuse("$replaceRoot takes {newRoot: expression}")
        return self.replace_with(operand["newRoot"], place.inside("newRoot"))

    def replace_with(self, operand: Any, place: Place) -> _Read:
        """`$replaceWith`."""
        root, type_ = self._expressions().read(operand, place)
        if not isinstance(type_, Struct) and type_ != JSON:
            raise place.refuse("The new root is an object")
        return (ReplaceRoot(root),), type_ if isinstance(type_, Struct) else ANYTHING


def _remembering(new: Struct, old: Struct) -> Struct:
    """The type of new rows, in which what earlier rows had still has a name: no field there is null, not unknown."""
    members = {name: _remembered(type_, old.member(name)) for name, type_ in new.members}
    dropped = {name: JSON for name, _ in old.members if name not in members}
    return Struct(tuple({**members, **dropped}.items()), new.open)


def _remembered(new: Type, old: Type | None) -> Type:
    if isinstance(new, ListOf) and isinstance(old, ListOf):
        return ListOf(_remembered(new.element, old.element))
    return _remembering(new, old) if isinstance(new, Struct) and isinstance(old, Struct) else new


# The type of rows about which nothing is known: any path may exist.
ANYTHING: Final = Struct((), open=True)


def _bucketed(value: Expression, bounds: list[Any], default: Literal | None) -> Expression:
    pairs = pairwise(bounds)
    branches = tuple(
        (Call("and", (Call("gte", (value, Literal(low))), Call("lt", (value, Literal(high))))), Literal(low))
        for low, high in pairs
    )
    return Switch(branches, default)


def _set(schema: Struct, paths: list[Path]) -> tuple[tuple[str, Type], ...]:
    members = dict(schema.members)
    for path in paths:
        head, rest = path[0], path[1:]
        members[head] = _below(members.get(head), rest)
    return tuple(members.items())


def _below(type_: Type | None, path: Path) -> Type:
    if not path:
        return JSON
    if isinstance(type_, ListOf):
        return ListOf(_below(type_.element, path))
    return Struct(_set(type_, [path])) if isinstance(type_, Struct) else struct({path[0]: _below(None, path[1:])})


def _at(type_: Struct, path: Path, place: Place) -> Struct:
    found = resolve(type_, path, in_filter=False)
    if found is None:
        raise place.refuse(NO_SUCH_FIELD)
    if isinstance(found, ListOf):
        return Struct(_replaced(type_, path, found.element), type_.open)
    return Struct(type_.members, type_.open)


def _replaced(type_: Struct, path: Path, new: Type) -> tuple[tuple[str, Type], ...]:
    return tuple((name, _unwound_member(own, path[1:], new) if name == path[0] else own) for name, own in type_.members)


def _unwound_member(type_: Type, path: Path, new: Type) -> Type:
    if not path:
        return new
    return Struct(_replaced(type_, path, new)) if isinstance(type_, Struct) else type_


_Reader = Callable[[PipelineReader, Any, Place], _Read]

_READERS: Final[Mapping[str, _Reader]] = {
    "$match": PipelineReader.match,
    "$sort": PipelineReader.sort,
    "$limit": PipelineReader.limit,
    "$skip": PipelineReader.skip,
    "$sample": PipelineReader.sample,
    "$project": PipelineReader.project,
    "$unset": PipelineReader.unset,
    "$addFields": PipelineReader.assign,
    "$set": PipelineReader.assign,
    "$unwind": PipelineReader.unwind,
    "$group": PipelineReader.group,
    "$count": PipelineReader.count,
    "$sortByCount": PipelineReader.sort_by_count,
    "$bucket": PipelineReader.bucket,
    "$facet": PipelineReader.facet,
    "$replaceRoot": PipelineReader.replace_root,
    "$replaceWith": PipelineReader.replace_with,
}
