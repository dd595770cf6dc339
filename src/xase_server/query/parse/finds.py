"""A find's other parameters: `sort`, `fields`, `skip`, `limit`."""

from typing import Any

from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.nodes import TRUE
from xase_server.query.parse.filters import FilterReader
from xase_server.query.parse.projections import ProjectionReader, Tree, projected
from xase_server.query.parse.reading import Place, Reading, whole_number
from xase_server.query.paths import Path, parse_path
from xase_server.query.projection import EVERYTHING, Projection, Whole
from xase_server.query.refusal import NO_SUCH_FIELD
from xase_server.query.rewrite import simplified
from xase_server.query.schema import Schema, Struct, parallel, resolve
from xase_server.query.stages import Find, SortKey

_NAMES = {"filter", "sort", "skip", "limit"}
_MAX_KEYS = 32
_FILTER = Place(whole="filter")


def parse_find(
    value: Any, schema: Schema, limits: QuerySettings = DEFAULTS, *, filterable: Schema | None = None
) -> Find:
    """The node of `{filter, sort, skip, limit}`.

    `schema` holds the fields that the caller may see and sort by, `filterable` those it may filter by
    (the same when None). Raises `invalid_query`.
    """
    if not isinstance(value, dict):
        raise Place().refuse("A query is an object")
    for name in value:
        if name not in _NAMES:
            raise Place().key(name).refuse("Unknown parameter")
    reading = Reading(limits)
    reader = FilterReader(reading, schema if filterable is None else filterable)
    return Find(
        filter=TRUE if value.get("filter") is None else simplified(reader.document(value["filter"], _FILTER)),
        sort=() if value.get("sort") in (None, {}) else read_sort(value["sort"], schema, Place("sort")),
        skip=natural(value.get("skip", 0), Place("skip")),
        limit=natural(value.get("limit", 0), Place("limit")),
    )


def natural(value: Any, place: Place, least: int = 0) -> int:
    """A whole number of at least `least`, as JSON writes it."""
    number = whole_number(value)
    if number is None or not least <= number < 2**63:
        raise place.refuse(f"Must be a whole number, {least} or more")
    return number


def parse_sort(value: Any, schema: Schema, *, where: str = "sort") -> tuple[SortKey, ...]:
    """The keys of `{"age": -1}`, `"age"` or `"-age"`; raises `invalid_query`."""
    return read_sort(value, schema, Place(where))


def read_sort(value: Any, schema: Struct, place: Place) -> tuple[SortKey, ...]:
    """The keys of a sort at a place of a query."""
    if isinstance(value, str):
        value = {value.removeprefix("-"): -1 if value.startswith("-") else 1}
    if not isinstance(value, dict) or not 0 < len(value) <= _MAX_KEYS:
        raise place.refuse(f"A sort is an object of 1 to {_MAX_KEYS} fields, each 1 or -1")
    keys = tuple(_key(name, direction, schema, place.key(name)) for name, direction in value.items())
    if parallel(schema, [key.path for key in keys]):
        raise place.refuse("Keys of a sort may go through one list only")
    return keys


def _key(name: str, direction: Any, schema: Struct, place: Place) -> SortKey:
    path = parse_path(name, place.path)
    if whole_number(direction) not in {1, -1}:
        raise place.refuse("A direction is 1 or -1")
    if resolve(schema, path, in_filter=True) is None:
        raise place.refuse(NO_SUCH_FIELD)
    return SortKey(path, descending=direction < 0)


def parse_fields(
    value: Any, schema: Schema, limits: QuerySettings = DEFAULTS, *, where: str = "fields"
) -> tuple[Projection, Schema]:
    """The projection that `fields` asks for, and the type of what it leaves.

    A list is exactly these paths; an object is a MongoDB projection. A path without a field, or with one
    that the caller may not see, gives nothing. Raises `invalid_query`.
    """
    place = Place(where)
    if value is None:
        return EVERYTHING, schema
    if isinstance(value, list):
        return _listed(value, schema, Reading(limits), place)
    if not isinstance(value, dict):
        raise place.refuse("Fields are a list of paths, or a projection: an object of paths, each 1 or 0")
    return ProjectionReader(Reading(limits), schema, computing=False).read(value, place)


def _listed(names: list[Any], schema: Schema, reading: Reading, place: Place) -> tuple[Projection, Schema]:
    tree = Tree()
    for number, path in enumerate(_widest([_listed_path(name, place.key(n)) for n, name in enumerate(names)])):
        reading.node(place.inside(number))
        tree.add(path, Whole(), place.key(number))
    projection = Projection(exclude=False, parts=tree.parts())
    return projection, projected(schema, projection)


def _listed_path(name: Any, place: Place) -> Path:
    if not isinstance(name, str):
        raise place.refuse("A field is a string")
    return parse_path(name, place.path)


def _widest(paths: list[Path]) -> list[Path]:
    """Each path once, and none below another: `box` says all that `box.w` does."""
    known = set(paths)
    return [path for path in dict.fromkeys(paths) if not any(path[:steps] in known for steps in range(1, len(path)))]
