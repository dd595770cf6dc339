"""Which names a field may have. Messages give the place, since such a name may be anything at all."""

from xase_server.datasets.bounds import Bounds, too_large
from xase_server.ports.datasets import IngestProblem
from xase_server.query.schema import ListOf, Schema, Struct, Type


def check(schema: Schema, bounds: Bounds) -> None:
    """Raise IngestProblem for a name that no path could say, and for too many columns or levels."""
    bounds.check_columns(_checked(schema, "column {}", bounds.depth, bounds))


def _checked(struct: Struct, nth: str, levels: int, bounds: Bounds) -> int:
    """How many columns there are in a struct, names and depth looked at."""
    if levels == 0:
        raise too_large(f"Values are nested deeper than {bounds.depth} levels")
    bounds.check_columns(len(struct.members))
    seen: dict[str, int] = {}
    leaves = 0
    for position, (name, type_) in enumerate(struct.members, 1):
        place = nth.format(position)
        _check_name(name, place)
        other = seen.setdefault(name.lower(), position)
        if other != position:  # the engine's names know no case
            raise IngestProblem(f"The names of {nth.format(other)} and {place} are the same, or differ in case only")
        leaves += _inside(type_, f"member {{}} of {place}", levels - 1, bounds)
    return leaves


def _inside(type_: Type, nth: str, levels: int, bounds: Bounds) -> int:
    while isinstance(type_, ListOf):
        type_, levels = type_.element, levels - 1
        if levels <= 0:
            raise too_large(f"Values are nested deeper than {bounds.depth} levels")
    return _checked(type_, nth, levels, bounds) if isinstance(type_, Struct) else 1


def _check_name(name: str, place: str) -> None:
    reason = (
        "is empty" if not name
        else "contains a full stop" if "." in name
        else "begins with $" if name[0] == "$"
        else "contains a NUL character" if "\0" in name
        else None
    )  # fmt: skip
    if reason:
        raise IngestProblem(f"The name of {place} {reason}; rename it before registering the data")
