"""What a contract demands of aggregations: which accumulators, and how many subjects each group must speak of.

A group size resists accidents and casual differencing, not a determined analyst
(docs/spec/policy.md, section 1).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from xase_server.domain.errors import Refused
from xase_server.policy.contract import Contract
from xase_server.query.expressions import Field, Literal, Members
from xase_server.query.nodes import At
from xase_server.query.paths import Path
from xase_server.query.refusal import refuse
from xase_server.query.stages import Accumulate, Assign, Group, Match, Pipeline, Sort, SortKey, Stage, Unwind

_NAMING: Final = frozenset({"push", "addToSet", "first", "last", "min", "max"})
"""Accumulators whose value is the value of some single record."""

_BEFORE: Final = (Match, Assign, Unwind, Sort)
"""Stages that may stand before the group that is counted; they neither drop fields nor pick records by place."""

_COUNT: Final = "subjects"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A pipeline cut at its first group, with what counts the subjects behind each of its keys."""

    entities: tuple[str, ...]
    grouped: Pipeline
    counting: tuple[Pipeline, ...]
    rest: Pipeline
    least: int
    round_to: int
    rounded: tuple[str, ...]

    def admitted(self, rows: list[dict[str, Any]], counts: Mapping[Any, int], key: Any) -> list[dict[str, Any]]:
        """The groups that speak of enough subjects; `counts` by `key(row["_id"])`, the least over all counts."""
        return [self._rounded(row) for row in rows if counts.get(key(row.get("_id")), 0) >= self.least]

    def _rounded(self, row: dict[str, Any]) -> dict[str, Any]:
        step = self.round_to
        return row if step == 1 else row | {name: step * round(row[name] / step) for name in self.rounded}


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

    Without an entity key every record is a subject of its own. Raises `invalid_query` for a pipeline
    whose groups cannot be counted, `group_too_small` for one that does not group.
    """
    least = contract.min_group_size
    if least <= 1 and contract.round_to <= 1:
        return None
    place = next((number for number, stage in enumerate(pipeline) if isinstance(stage, Group)), None)
    if place is None:
        raise Refused("group_too_small", "Under this policy a pipeline must group", {"min_group_size": least})
    before, group, rest = pipeline[:place], pipeline[place], pipeline[place + 1 :]
    assert isinstance(group, Group), "found as one"
    entities = sorted(contract.entity_keys) or [record_id]
    for number, stage in enumerate(before):
        _check_before(number, stage, entities)
    for each in group.fields:
        if each.operator in _NAMING and _kind(each) not in (contract.aggregations or ()):
            raise refuse(f"{place}.$group.{each.name}", f"${each.operator} names single records; not under this policy")
    return Guarded(
        entities=tuple(entities),
        grouped=(*before, group),
        counting=tuple(_counting(before, group, entity) for entity in entities),
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


def _check_before(number: int, stage: Stage, entities: list[str]) -> None:
    if not isinstance(stage, _BEFORE):
        raise refuse(
            str(number), "Under this policy only $match, $addFields, $unwind and $sort may stand before $group"
        )
    changed: tuple[Path, ...] = ()
    if isinstance(stage, Assign):
        changed = tuple(path for path, _ in stage.fields)
    elif isinstance(stage, Unwind):
        changed = (stage.path, *(((stage.index,),) if stage.index else ()))
    heads = {entity.split(".")[0] for entity in entities}
    if any(path[0] in heads for path in changed):
        raise refuse(str(number), "This field names the subjects, and must stay as it is before $group")


def _counting(before: Pipeline, group: Group, entity: str) -> Pipeline:
    """Key → how many different subjects, as a pipeline."""
    subject = Field(tuple(entity.split(".")))
    pairs = Group(Members((("key", group.key), ("subject", subject))), ())
    counted = Group(Field(("_id", "key")), (Accumulate(_COUNT, "sum", Literal(1)),))
    return (*before, pairs, counted)


def counted(rows: Mapping[str, Any]) -> int:
    """The subjects in a row of a counting pipeline."""
    return int(rows[_COUNT])
