"""Differential privacy as a contract demands it: what an answer may cost, and the bounds that its noise rests on.

Under such terms nothing leaves but noisy counts, sums and means (docs/spec/policy.md, section 8).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from xase_server.domain.budgets import PLACES, epsilon_text
from xase_server.policy.model import Constrain
from xase_server.query.schema import BOOL, DATE, FLOAT, INT, STRING, Scalar, Schema, Type, resolve, spreads

ACTIONS: Final = frozenset({"aggregate", "operations"})
"""What a session may do where its rule names no actions: raw rows would make every ε meaningless."""

_TOGETHER: Final = ("epsilon_total", "epsilon_per_query", "entity_key")
_BOUNDING: Final = ("max_contributions", "bounds")
_SIZES: Final = ("min_group_size", "round_to", "min_set_difference")
_NUMBERS: Final[tuple[Type, ...]] = (INT, FLOAT)
_NAMES: Final[tuple[Type, ...]] = (STRING, INT, BOOL, DATE)

Range = tuple[float, float]

_NARROWEST: Final = 1e-6
"""How far the ends of a range must lie apart."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """ε of a dataset and of one answer; of each person so many rows count, of each field values in its range.

    Fields without a range can be counted by, but not added up.
    """

    epsilon_total: Decimal
    epsilon_per_query: Decimal
    max_contributions: int = 1
    bounds: Mapping[str, Range] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The terms as JSON; ε as text, so that it is exact."""
        return {
            "epsilon_total": epsilon_text(self.epsilon_total),
            "epsilon_per_query": epsilon_text(self.epsilon_per_query),
            "max_contributions": self.max_contributions,
            "bounds": {name: list(each) for name, each in self.bounds.items()},
        }


def privacy_of(constrain: Constrain) -> Privacy | None:
    """One rule's terms, None where it asks for no noise."""
    if constrain.epsilon_total is None or constrain.epsilon_per_query is None:
        return None
    return Privacy(
        epsilon_total=_exact(constrain.epsilon_total),
        epsilon_per_query=_exact(constrain.epsilon_per_query),
        max_contributions=constrain.max_contributions or 1,
        bounds=constrain.bounds or {},
    )


def both(one: Privacy | None, other: Privacy | None) -> Privacy | None:
    """The terms that keep to both: the smaller ε, fewer rows, the ranges that both give, each where they overlap."""
    if one is None or other is None:
        return other if one is None else one
    return Privacy(
        epsilon_total=min(one.epsilon_total, other.epsilon_total),
        epsilon_per_query=min(one.epsilon_per_query, other.epsilon_per_query),
        max_contributions=min(one.max_contributions, other.max_contributions),
        bounds=dict(_overlaps(one.bounds, other.bounds)),
    )


def privacy_faults(constrain: Constrain) -> Iterator[tuple[str, str]]:
    """What is wrong with a rule's noise in itself: (constraint, why)."""
    asked = any(getattr(constrain, name) is not None for name in _TOGETHER[:2])
    for name in (*_TOGETHER, *_BOUNDING):
        given = getattr(constrain, name) is not None
        if asked and not given and name in _TOGETHER:
            yield name, "epsilon_total, epsilon_per_query and entity_key go together"
        elif not asked and given and name in _BOUNDING:
            yield name, "Only together with epsilon_total"
    for name in _SIZES if asked else ():
        if getattr(constrain, name) is not None:
            yield name, "Noise takes its place: leave out either this or epsilon_total"
    yield from _epsilon_faults(constrain)
    for path, (least, most) in (constrain.bounds or {}).items():
        if most - least < _NARROWEST:
            yield f"bounds.{path}", f"The second must be more than the first, by {_NARROWEST:f} at least"
    if asked and constrain.entity_key and changes_entity(constrain.entity_key, constrain.transforms or {}):
        yield "transforms", _CHANGED


def misfits(constrain: Constrain, schema: Schema) -> Iterator[tuple[str, str]]:
    """Fields of a rule's noise that are not what it needs: (constraint, why). A missing field is found elsewhere."""
    if privacy_of(constrain) is None:
        return
    if constrain.entity_key not in {None, "record_id"} and not names_one(schema, str(constrain.entity_key)):
        yield "entity_key", "Under epsilon_total it must hold one text, whole number, boolean or date in each record"
    for path in constrain.bounds or {}:
        if not is_number(schema, path):
            yield f"bounds.{path}", "Must be a field that holds one number in each record"


def changes_entity(entity: str, transforms: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether several persons may look like one, so that one could push out another's rows."""
    related = {name: spec for name, spec in transforms.items() if _touch(name, entity)}
    return any(name != entity or spec["op"] not in _APART for name, spec in related.items())


def names_one(schema: Schema, path: str) -> bool:
    """Whether a field can name the person whom a record is about."""
    return _is_one(schema, path, _NAMES)


def is_number(schema: Schema, path: str) -> bool:
    """Whether a field holds one number in each record."""
    return _is_one(schema, path, _NUMBERS)


def is_single(schema: Schema, path: str) -> bool:
    """Whether a field holds one value of one type in each record."""
    return _is_one(schema, path, (*_NAMES, FLOAT))


_APART: Final = frozenset({"hash", "tokenize"})
"""What keeps different values different."""

_CHANGED: Final = (
    "The entity_key may be hashed or tokenized, not changed otherwise: each person must be told from all others"
)


def _is_one(schema: Schema, path: str, types: tuple[Type, ...]) -> bool:
    steps = tuple(path.split("."))
    found = None if spreads(schema, steps) else resolve(schema, steps, in_filter=False)
    return isinstance(found, Scalar) and found in types


def _touch(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _overlaps(one: Mapping[str, Range], other: Mapping[str, Range]) -> Iterator[tuple[str, Range]]:
    """Where too little is left there is none: then the field is not added up at all."""
    for name in one.keys() & other.keys():
        least, most = max(one[name][0], other[name][0]), min(one[name][1], other[name][1])
        if most - least >= _NARROWEST:
            yield name, (least, most)


def _epsilon_faults(constrain: Constrain) -> Iterator[tuple[str, str]]:
    total, each = constrain.epsilon_total, constrain.epsilon_per_query
    for name, value in (("epsilon_total", total), ("epsilon_per_query", each)):
        if value is not None and _exact(value) != round(_exact(value), PLACES):
            yield name, f"Has at most {PLACES} decimal places"
    if total is not None and each is not None and each > total:
        yield "epsilon_per_query", "Must not be more than epsilon_total"


def _exact(number: float) -> Decimal:
    """The number as it was written, not as its nearest binary fraction is."""
    return Decimal(repr(number))
