"""The reference evaluator of pipelines and finds: it defines what they mean, on rows as plain Python values."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from xase_server.query.accumulators import ACCUMULATORS
from xase_server.query.allowance import Allowance, Clock
from xase_server.query.evaluate import evaluate, scope_of
from xase_server.query.expressions import Expression
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.match import matches
from xase_server.query.nodes import Node
from xase_server.query.ordering import Ordering
from xase_server.query.refusal import EvaluationError, refuse
from xase_server.query.reshape import assign, project, put
from xase_server.query.stages import (
    FEW,
    SUBJECTS,
    Accumulate,
    Assign,
    Crowds,
    Facet,
    Find,
    Group,
    Limit,
    Match,
    Pipeline,
    ReplaceRoot,
    Reshape,
    Sample,
    Skip,
    Sort,
    Stage,
    Unwind,
)
from xase_server.query.values import Row, Value, group_key

Rows = list[Row]


def find(
    query: Find, rows: Iterable[Row], limits: QuerySettings = DEFAULTS, clock: Clock = time.monotonic
) -> list[int]:
    """The numbers of the rows that a find answers with, in its order; rows are numbered from 0."""
    allowance = Allowance(limits.seconds, limits.parts, clock)
    try:
        numbered = [(number, row) for number, row in enumerate(rows) if _matches(query.filter, row, allowance)]
    except EvaluationError as error:
        raise refuse("$expr", str(error)) from None
    try:
        ordered = [number for number, _ in sorted(numbered, key=lambda pair: Ordering.of(query.sort, pair[1]))]
    except EvaluationError as error:
        raise refuse("sort", str(error)) from None
    return ordered[query.skip : query.skip + query.limit if query.limit else None]


class _Run(NamedTuple):
    limits: QuerySettings
    allowance: Allowance


def aggregate(
    pipeline: Pipeline,
    rows: Iterable[Row],
    limits: QuerySettings = DEFAULTS,
    first: int = 0,
    clock: Clock = time.monotonic,
) -> Rows:
    """The rows that a pipeline answers with; `first` numbers its stages in refusals.

    Raises `invalid_query` where an expression has no value for some row, too many groups come out, or it takes too
    much time or memory.
    """
    return _stages(pipeline, list(rows), _Run(limits, Allowance(limits.seconds, limits.parts, clock)), first)


def _stages(pipeline: Pipeline, rows: Rows, run: _Run, first: int = 0) -> Rows:
    for number, stage in enumerate(pipeline, start=first):
        work: Callable[[Any, Rows, _Run], Rows] = _STAGES[type(stage)]
        try:
            rows = work(stage, rows, run)
        except EvaluationError as error:
            raise refuse(str(number), str(error)) from None
    if len(rows) > run.limits.groups:
        raise too_many_rows(run.limits)
    return rows


def too_many_rows(limits: QuerySettings) -> Exception:
    """The refusal of a pipeline whose answer is too long."""
    return refuse("pipeline", f"At most {limits.groups} result rows")


def _match(stage: Match, rows: Rows, run: _Run) -> Rows:
    return [row for row in rows if _matches(stage.filter, row, run.allowance)]


def _matches(filter_: Node, row: Row, allowance: Allowance) -> bool:
    allowance.step()
    return matches(filter_, row, allowance)


def _sort(stage: Sort, rows: Rows, _: _Run) -> Rows:
    return sorted(rows, key=lambda row: Ordering.of(stage.keys, row))


def _group(stage: Group, rows: Rows, run: _Run) -> Rows:
    groups = _grouped(stage.key, rows, run)
    return [{"_id": key, **_accumulated(stage, members, run)} for key, members in groups]


def _crowds(stage: Crowds, rows: Rows, run: _Run) -> Rows:
    groups = _grouped(stage.key, rows, run)
    crowds = [(key, members) for key, members in groups if _subjects(stage, members) >= stage.least]
    told = {id(row) for _, members in crowds for row in members}
    rest = [row for row in rows if id(row) not in told]  # in the order of the last sort, which `$push` follows
    found: Rows = [
        {"_id": key, FEW: False, SUBJECTS: _subjects(stage, each), **_accumulated(stage, each, run)}
        for key, each in crowds
    ]
    if rest:
        found.append({"_id": None, FEW: True, SUBJECTS: _subjects(stage, rest), **_accumulated(stage, rest, run)})
    return found


def _grouped(by: Expression, rows: Rows, run: _Run) -> list[tuple[Value, Rows]]:
    """The keys in the order in which they appear, each with its rows."""
    found: dict[Any, tuple[Value, Rows]] = {}
    for row in rows:
        key = evaluate(by, scope_of(row, run.allowance))
        found.setdefault(group_key(key), (key, []))[1].append(row)
    if len(found) > run.limits.groups:
        raise EvaluationError(f"At most {run.limits.groups} groups")
    return list(found.values())


def _subjects(stage: Crowds, rows: Rows) -> int:
    return min(len({group_key(evaluate(each, scope_of(row))) for row in rows}) for each in stage.subjects)


def _accumulated(stage: Group, rows: Rows, run: _Run) -> dict[str, Value]:
    return {field.name: run.allowance.made(_accumulate(field, rows, run)) for field in stage.fields}


def _accumulate(field: Accumulate, rows: Rows, run: _Run) -> Value:
    values = [evaluate(field.operand, scope_of(row, run.allowance)) for row in rows]
    return ACCUMULATORS[field.operator](values)


def _unwind(stage: Unwind, rows: Rows, run: _Run) -> Rows:
    found = []
    for row in rows:
        for each in _unwound(stage, row):
            run.allowance.spend(len(each))
            found.append(each)
    return found


def _unwound(stage: Unwind, row: Row) -> Iterator[Row]:
    value = _member(row, stage.path)
    if isinstance(value, list) and value:
        for index, element in enumerate(value):
            yield _placed(stage, row, element, index)
    elif value is not None and not isinstance(value, list):
        yield _placed(stage, row, value, None)
    elif stage.preserve:
        yield _placed(stage, row, None, None)


def _member(value: Value, path: Sequence[str]) -> Value:
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _placed(stage: Unwind, row: Row, element: Value, index: int | None) -> Row:
    inside = element is not None or _member(row, stage.path) is not None
    placed = put(row, stage.path, element) if inside else dict(row)
    return placed if stage.index is None else {**placed, stage.index: index}


def _facet(stage: Facet, rows: Rows, run: _Run) -> Rows:
    return [{name: _stages(branch, rows, run) for name, branch in stage.branches}]


def _replace_root(stage: ReplaceRoot, rows: Rows, run: _Run) -> Rows:
    return [_root(evaluate(stage.root, scope_of(row, run.allowance))) for row in rows]


def _root(value: Value) -> Row:
    if not isinstance(value, Mapping):
        raise EvaluationError("$replaceRoot needs an object for every row")
    return value


def _sample(stage: Sample, rows: Rows, _: _Run) -> Rows:
    return random.sample(rows, min(stage.count, len(rows)))


_STAGES: Final[Mapping[type[Stage], Callable[[Any, Rows, _Run], Rows]]] = {
    Match: _match,
    Sort: _sort,
    Limit: lambda stage, rows, _: rows[: stage.count],
    Skip: lambda stage, rows, _: rows[stage.count :],
    Group: _group,
    Crowds: _crowds,
    Reshape: lambda stage, rows, run: [project(stage.projection, row, run.allowance) for row in rows],
    Assign: lambda stage, rows, run: [assign(stage.fields, row, run.allowance) for row in rows],
    Unwind: _unwind,
    Facet: _facet,
    ReplaceRoot: _replace_root,
    Sample: _sample,
}
