"""Answers with noise: exact inside, paid for from the dataset's budget, in the ledger, and only then given.

    form checked → exact sums → noise → budget and entry in one commit (in `payments`) → answered

What is drawn is thrown away when that commit fails. After it ε is spent, whether the answer arrives or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from msgspec import Raw

from xase_server.delivery.records import json_values
from xase_server.domain.errors import unavailable
from xase_server.policy.noising import PrivateQuery, private_query
from xase_server.policy.privacy import Privacy
from xase_server.ports import Noise
from xase_server.query.stages import Pipeline
from xase_server.services.answers import Answer
from xase_server.services.grants import Grant
from xase_server.services.payments import Payments
from xase_server.services.planning import Planner, View
from xase_server.services.releases import Release

NO_NOISE = "Differential privacy needs OpenDP, which this server does not have: install xase with the extra dp"


class PrivateAggregation:
    """Answers pipelines under contracts that ask for noise; `noise` is None where OpenDP is not installed."""

    def __init__(self, planner: Planner, payments: Payments, *, noise: Noise | None) -> None:
        self._planner = planner
        self._payments = payments
        self._noise = noise

    async def answer(self, grant: Grant, view: View, pipeline: Pipeline, release: Release) -> Answer:
        """The rows with noise; paid for, and their `release` durable, when this returns.

        Raises `invalid_query` for a pipeline of another form, `budget_exhausted`, `unavailable`, and Stale when
        the grant no longer stands.
        """
        privacy, noise = grant.contract.privacy, self._noise
        assert privacy is not None, "the contract asks for noise"
        if noise is None:
            raise unavailable(NO_NOISE, retry_after=60)
        query = private_query(pipeline, grant.contract, view.visible, view.version.schema)
        await self._payments.due(grant, privacy)  # who cannot pay causes no work
        rows = await self._planner.run(partial(_noisy, view, query, privacy, noise))
        results = json_values(rows)
        release = replace(release, size=len(results), facts={"result_count": len(rows)})
        aggregation_id, paid = await self._payments.commit(grant, privacy, release)
        return Answer(aggregation_id, Raw(results), len(rows), paid)


def _noisy(view: View, query: PrivateQuery, privacy: Privacy, noise: Noise) -> Sequence[Mapping[str, Any]]:
    """The rows with noise, ε shared evenly by what is measured. Blocks."""
    sums = query.exact(view.counting(query.beside).aggregate(query.pipeline))
    share = Fraction(privacy.epsilon_per_query) / len(sums)
    noisy = [
        noise.added(each, sensitivity=query.sensitivity(measure), epsilon=share)
        for each, measure in zip(sums, query.measures, strict=True)
    ]
    return query.answer(noisy)
