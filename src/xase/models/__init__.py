"""What the API answers, as objects: read-only, by attribute or by item, nothing thrown away."""

from xase.models.approvals import ApprovalRequest
from xase.models.bundles import BundleState
from xase.models.datasets import (
    DatasetBudget,
    DatasetField,
    DatasetProfile,
    DatasetRisk,
    DatasetSchema,
    DatasetState,
    DatasetVersion,
    GuardrailList,
    Policy,
    PolicyImpact,
    PolicyVerdict,
    Reversal,
    TokenErasure,
    Withdrawal,
)
from xase.models.decisions import DecisionRecord, Intervention
from xase.models.keys import ApiKey, Identity, NewApiKey
from xase.models.model import Document, Facts, Items, Model, plain
from xase.models.pages import Page
from xase.models.proofs import Checkpoint, LedgerEntry, Proof, key_text
from xase.models.rows import Aggregation, Batch, DataRecord, DataRecords, Records, Transformed
from xase.models.sessions import Operation, Revocation, SessionEvent, SessionState
from xase.models.webhooks import NewWebhook, Webhook, WebhookDelivery

__all__ = [
    "Aggregation",
    "ApiKey",
    "ApprovalRequest",
    "Batch",
    "BundleState",
    "Checkpoint",
    "DataRecord",
    "DataRecords",
    "DatasetBudget",
    "DatasetField",
    "DatasetProfile",
    "DatasetRisk",
    "DatasetSchema",
    "DatasetState",
    "DatasetVersion",
    "DecisionRecord",
    "Document",
    "Facts",
    "GuardrailList",
    "Identity",
    "Intervention",
    "Items",
    "LedgerEntry",
    "Model",
    "NewApiKey",
    "NewWebhook",
    "Operation",
    "Page",
    "Policy",
    "PolicyImpact",
    "PolicyVerdict",
    "Proof",
    "Records",
    "Reversal",
    "Revocation",
    "SessionEvent",
    "SessionState",
    "TokenErasure",
    "Transformed",
    "Webhook",
    "WebhookDelivery",
    "Withdrawal",
    "key_text",
    "plain",
]
