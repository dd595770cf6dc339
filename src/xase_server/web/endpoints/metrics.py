"""How models have been deciding (docs/spec/api.md, section 2)."""

from typing import Final

from xase_server.domain.principals import RECORDS_READ
from xase_server.web import examples
from xase_server.web.endpoint import Endpoint, Reply
from xase_server.web.handlers import metrics
from xase_server.web.parameters import Length, Parameter, Text
from xase_server.web.schemas import DecisionMetrics

_MOST_DAYS: Final = 3_660

METRICS: Final = (
    Endpoint(
        method="GET",
        path="/v1/metrics/decisions",
        name="get_decision_metrics",
        access=RECORDS_READ,
        group="Decision records",
        summary="See how a model has been deciding",
        description="Counts, what people did about it, and confidence, for the period that ends now and the one before "
        "it; and how far confidence has drifted from one to the other.",
        handler=metrics.get_decision_metrics,
        parameters=(
            Parameter(
                name="model_id", kind=Text(), example="credit-model-v2", description="Only this model's decisions."
            ),
            Parameter(
                name="policy_id", kind=Text(), example="lending-eu-3", description="Only decisions under this policy."
            ),
            Parameter(
                name="period",
                kind=Length(maximum_days=_MOST_DAYS),
                default=30 * 86_400_000,
                example="30d",
                description="How long each period is: `24h`, `30d`, `12w`.",
            ),
        ),
        answers={200: Reply(description="The metrics.", schema=DecisionMetrics, example=examples.METRICS)},
    ),
)
