"""Aggregations in a session: only what the contract lets out, in the ledger before it leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import Raw

from xase.proof.canonical import CanonicalError, canonical
from xase_server.delivery.records import json_values
from xase_server.delivery.shape import shape_of
from xase_server.domain.errors import Refused
from xase_server.domain.principals import Principal
from xase_server.policy.grouping import (
    RECORDS,
    REMAINDER,
    Guarded,
    check_accumulators,
    guarded,
    names_records,
    paths_in,
)
from xase_server.policy.sight import RECORD_ID
from xase_server.ports import Numbers
from xase_server.query.aggregate import aggregate
from xase_server.query.nodes import TRUE
from xase_server.query.parse import parse_pipeline
from xase_server.query.projection import EVERYTHING
from xase_server.query.refusal import EvaluationError, refuse
from xase_server.query.stages import Find, Group, Match, Pipeline, Reshape
from xase_server.services.anew import until_it_stands
from xase_server.services.answered import AnsweredGroups
from xase_server.services.answers import Answer
from xase_server.services.data import Data
from xase_server.services.grants import Grant, Visit
from xase_server.services.planning import View
from xase_server.services.private_aggregation import PrivateAggregation
from xase_server.services.releases import Release, new_batch_id

Rows = Sequence[Mapping[str, Any]]

_VIA: Final = "aggregate"


class _Found(NamedTuple):
    """What a pipeline gives: its rows, the records that they name, and those behind groups that are compared."""

    rows: Rows
    numbers: Numbers | None
    groups: list[Numbers]


class Aggregation:
    """Runs pipelines for the sessions of the caller's organisation."""

    def __init__(self, data: Data, private: PrivateAggregation, groups: AnsweredGroups) -> None:
        self._data = data
        self._private = private
        self._groups = groups

    async def run(self, who: Principal, session_id: str, pipeline: Any) -> Answer:
        """The pipeline's rows; their release is durable when this returns.

        Raises what admission raises, `invalid_query`, `policy_violation` for an accumulator that the policy
        leaves out, `group_too_small`, `budget_exhausted`, and `unavailable` when the ledger cannot be written:
        then nothing leaves.
        """
        async with self._data.gate.entered(who, session_id, _VIA) as visit:
            return await until_it_stands(partial(self._run, visit, pipeline))

    async def _run(self, visit: Visit, asked: Any) -> Answer:
        grant = await visit.grant()
        plain = _checked(asked)
        view = await self._data.planner.view(grant)
        of_groups = (REMAINDER,) if grant.contract.min_group_size > 1 else ()
        pipeline = parse_pipeline(
            asked, view.visible, self._data.planner.limits, filterable=view.filterable, of_groups=of_groups
        )
        check_accumulators(pipeline, grant.contract)
        release = Release(
            type="aggregate",
            via=_VIA,
            numbers=None,
            fields=_fields(view, pipeline),
            asked={"pipeline": plain},
            size=0,
        )
        if grant.contract.privacy is not None:
            return await self._private.answer(grant, view, pipeline, release)
        guard = guarded(pipeline, grant.contract, RECORD_ID)
        rows, numbers, groups = await self._data.planner.run(partial(self._answered, view, pipeline, guard))
        results = json_values(list(rows))
        aggregation_id = new_batch_id("aggregate")
        release = replace(release, numbers=numbers, size=len(results), facts={"result_count": len(rows)})
        if groups:
            await self._commit_groups(grant, view, groups, aggregation_id, release)
        else:
            await self._data.releases.commit(grant, aggregation_id, release)
        return Answer(aggregation_id, Raw(results), len(rows))

    async def _commit_groups(
        self, grant: Grant, view: View, groups: list[Numbers], identifier: str, release: Release
    ) -> None:
        """The release of what tells of groups; that it is refused for them counts as a query, and is in the ledger."""
        try:
            await self._groups.commit(grant, view.source, groups, identifier, release)
        except Refused as refused:
            if refused.kind.slug == "group_too_small":
                await self._data.releases.refuse(grant, release, refused.kind.slug)
            raise

    def _answered(self, view: View, pipeline: Pipeline, guard: Guarded | None) -> _Found:
        try:
            rows, groups = (view.barred.aggregate(pipeline), []) if guard is None else self._guarded(view, guard)
        except EvaluationError as error:
            raise refuse("pipeline", str(error)) from None
        named = names_records(pipeline)
        return _Found(rows, self._data.planner.numbers(view, _first_match(pipeline)) if named else None, groups)

    def _guarded(self, view: View, guard: Guarded) -> tuple[Rows, list[Numbers]]:
        """What the rest of the pipeline makes of groups of enough subjects, and the records that each tells."""
        admitted = guard.admitted(view.counting(guard.beside).aggregate(guard.grouped))
        told = [view.source.numbers_of(row[RECORDS]) for row in admitted if RECORDS in row]
        groups = [np.array(each, dtype=np.int64) for each in told]
        shown = guard.shown(admitted)
        return aggregate(guard.rest, shown, self._data.planner.limits, len(guard.grouped)), groups


def _checked(pipeline: Any) -> Any:
    """The pipeline as it is committed to; raises `invalid_query` for what is no I-JSON."""
    try:
        canonical(pipeline)
    except CanonicalError as error:
        raise refuse(error.path or "pipeline", error.reason) from None
    return pipeline


def _first_match(pipeline: Pipeline) -> Find:
    """The records that reach the second stage: no more can be in the answer."""
    first = pipeline[0] if pipeline else None
    return Find(first.filter if isinstance(first, Match) else TRUE)


def _fields(view: View, pipeline: Pipeline) -> tuple[str, ...]:
    """The dataset's paths that the answer depends on."""
    every = set(shape_of(EVERYTHING, view.visible).fields)
    if not any(isinstance(stage, Group | Reshape) for stage in pipeline):
        return tuple(sorted(every))
    named = paths_in(pipeline)
    return tuple(sorted(path for path in every if any(path == name or path.startswith(f"{name}.") for name in named)))
