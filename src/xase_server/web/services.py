"""What the web layer is joined to: the use cases, and the bounds within which it accepts requests."""

from dataclasses import dataclass

from xase_server.domain.clock import Clock
from xase_server.services.access import Access
from xase_server.services.aggregation import Aggregation
from xase_server.services.anonymization import Anonymization
from xase_server.services.approvals import Approvals
from xase_server.services.authentication import Authenticator
from xase_server.services.budgets import Budgets
from xase_server.services.bundles import Bundles
from xase_server.services.closing import Closing
from xase_server.services.consent import Consent
from xase_server.services.data import Data
from xase_server.services.datasets import Datasets
from xase_server.services.decisions import Decisions
from xase_server.services.events import Events
from xase_server.services.evidence import Evidence
from xase_server.services.forgetting import Forgetting
from xase_server.services.guardrails import Guardrails
from xase_server.services.health import Health
from xase_server.services.interventions import Interventions
from xase_server.services.keys import Keys
from xase_server.services.lineage import Lineage
from xase_server.services.log import Log
from xase_server.services.metrics import DecisionMetrics
from xase_server.services.operations import Operations
from xase_server.services.policies import Policies
from xase_server.services.reversal import Reversal
from xase_server.services.sessions import Sessions
from xase_server.services.trail import Trail
from xase_server.services.transforming import Transforming
from xase_server.services.usage import UsageReport
from xase_server.services.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the endpoints."""

    decisions: Decisions
    interventions: Interventions
    metrics: DecisionMetrics
    keys: Keys
    authenticator: Authenticator
    evidence: Evidence
    budgets: Budgets
    bundles: Bundles
    datasets: Datasets
    anonymization: Anonymization
    policies: Policies
    guardrails: Guardrails
    log: Log
    access: Access
    approvals: Approvals
    sessions: Sessions
    closing: Closing
    data: Data
    aggregation: Aggregation
    transforming: Transforming
    operations: Operations
    events: Events
    consent: Consent
    reversal: Reversal
    forgetting: Forgetting
    lineage: Lineage
    trail: Trail
    usage: UsageReport
    webhooks: Webhooks
    health: Health
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much one caller may send and ask for.

    `rate_limit` is in requests per minute and key, 0 for none; `cursor_secret` authenticates
    cursors and must be the same on every server of one store. `base_url` is the server's public
    address, empty for the one that a caller has used.
    """

    cursor_secret: bytes
    max_body_bytes: int = 1 << 20
    max_batch_bytes: int = 32 << 20
    max_upload_bytes: int = 64 << 30
    body_timeout: float = 30.0
    rate_limit: int = 0
    base_url: str = ""
