"""What a contract demands of aggregations: which accumulators, and how many subjects each group must speak of.

A group size resists accidents and casual differencing, not a determined analyst
(docs/spec/policy.md, section 1).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from xase_server.domain.errors import Refused
from xase_server.policy.contract import Contract
from xase_server.query.expressions import Field, Literal
from xase_server.query.nodes import At
from xase_server.query.paths import Path
from xase_server.query.refusal import refuse
from xase_server.query.stages import (
    FEW,
    SUBJECTS,
    Accumulate,
    Assign,
    Crowds,
    Group,
    Match,
    Pipeline,
    Sort,
    SortKey,
    Unwind,
)

_NAMING: Final = frozenset({"push", "addToSet", "first", "last", "min", "max"})
"""Accumulators whose value is the value of some single record."""

_BEFORE: Final = (Match, Assign, Unwind, Sort)
"""Stages that may stand before the group that is counted; they neither drop fields nor pick records by place."""

RECORDS: Final = ".records"
"""Where a group tells the ids of its records; a name that no query can write."""

REMAINDER: Final = "remainder"
"""What tells the row of all small groups together from a group of `_id` null."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A pipeline cut behind its first group, which merges what speaks of too few subjects.

    `beside` are the columns that hold the subjects, for `Engine.seeing`: under their own names they may be hidden.
    """

    beside: Mapping[str, str]
    grouped: Pipeline
    rest: Pipeline
    least: int
    round_to: int
    rounded: tuple[str, ...]

    def admitted(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The groups that speak of enough subjects, and the remainder where it does."""
        return [row for row in rows if row[SUBJECTS] >= self.least]

    def shown(self, admitted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """These groups as later stages see them."""
        return [self._shown(row) for row in admitted]

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        step = self.round_to
        shown = {name: value for name, value in row.items() if name not in {FEW, SUBJECTS, RECORDS}}
        rounded = {} if step == 1 else {name: step * round(row[name] / step) for name in self.rounded}
        return shown | rounded | ({REMAINDER: True} if row[FEW] else {})


def check_accumulators(pipeline: Pipeline, contract: Contract) -> None:
    """Raise `policy_violation` for an accumulator that the contract does not name."""
    if contract.aggregations is None:
        return
    for each in walk(pipeline):
        if isinstance(each, Accumulate) and _kind(each) not in contract.aggregations:
            raise Refused(
                "policy_violation",
                "The policy does not allow this aggregation",
                {"violations": [{"rule": "aggregation_not_allowed", "message": f"${each.operator} is not allowed"}]},
            )


def guarded(pipeline: Pipeline, contract: Contract, record_id: str) -> Guarded | None:
    """The pipeline as its groups must be counted, or None when the contract sets no size.

    Without an entity key every record is a subject of its own. Where groups are compared with others each tells
    its records in `RECORDS`. Raises `invalid_query` for a pipeline
    whose groups cannot be guarded, `group_too_small` for one that does not group.
    """
    least = contract.min_group_size
    if least <= 1 and contract.round_to <= 1 and not contract.min_set_difference:
        return None
    place = next((number for number, stage in enumerate(pipeline) if isinstance(stage, Group)), None)
    if place is None:
        raise Refused("group_too_small", "Under this policy a pipeline must group", {"min_group_size": least})
    before, group, rest = pipeline[:place], pipeline[place], pipeline[place + 1 :]
    assert isinstance(group, Group), "found as one"
    _check(before, group, contract)
    paths = [tuple(entity.split(".")) for entity in sorted(contract.entity_keys) or [record_id]]
    subjects = tuple(Field((f".{head}", *inner)) for head, *inner in paths)
    heads, told = [head for head, *_ in paths], group.fields
    if contract.min_set_difference:
        heads, told = [*heads, record_id], (*told, Accumulate(RECORDS, "push", Field((f".{record_id}",))))
    return Guarded(
        beside={f".{head}": head for head in heads},
        grouped=(*before, Crowds(group.key, told, subjects, least)),
        rest=rest,
        least=least,
        round_to=contract.round_to,
        rounded=tuple(each.name for each in group.fields if each.operator in {"count", "sum"}),
    )


def names_records(pipeline: Pipeline) -> bool:
    """Whether the answer may hold values of single records, so that they count as released."""
    nodes = list(walk(pipeline))
    return not any(isinstance(each, Group) for each in pipeline) or any(
        isinstance(each, Accumulate) and each.operator in _NAMING for each in nodes
    )


def paths_in(pipeline: Pipeline) -> set[str]:
    """The dotted paths that a pipeline refers to; some may be of its own making."""
    found: set[Path] = set()
    for each in walk(pipeline):
        if isinstance(each, At | SortKey | Unwind) or (isinstance(each, Field) and each.variable is None):
            found.add(each.path)
    return {".".join(path) for path in found if path}


def walk(node: Any) -> Iterator[Any]:
    """Every node of a query, the outer ones first."""
    if isinstance(node, tuple):
        for each in node:
            yield from walk(each)
    elif is_dataclass(node):
        yield node
        for each in fields(node):
            yield from walk(getattr(node, each.name))


def _kind(accumulate: Accumulate) -> str:
    """What a policy calls it: summing a constant is counting."""
    constant = isinstance(accumulate.operand, Literal)
    return "count" if accumulate.operator == "sum" and constant else accumulate.operator


def _check(before: Pipeline, group: Group, contract: Contract) -> None:
    """Raise `invalid_query` for what would tell of single records, or hide the remainder."""
    place = len(before)
    for number, stage in enumerate(before):
        if contract.min_set_difference and isinstance(stage, Unwind):
            raise refuse(str(number), "Groups are of whole records under this policy, not of what $unwind makes")
        if not isinstance(stage, _BEFORE):
            raise refuse(
                str(number), "Under this policy only $match, $addFields, $unwind and $sort may stand before $group"
            )
    for number, stage in enumerate((*before, group)):
        if any(isinstance(each, Field) and each.variable is None and not each.path for each in walk(stage)):
            raise refuse(str(number), "$$ROOT holds a whole record; not under this policy")
    for each in group.fields:
        if each.operator in _NAMING and _kind(each) not in (contract.aggregations or ()):
            raise refuse(f"{place}.$group.{each.name}", f"${each.operator} names single records; not under this policy")
        if each.name == REMAINDER:
            raise refuse(f"{place}.$group.{each.name}", "Names what is left of small groups under this policy")
