"""What the API answers, as objects: read-only, by attribute or by item, nothing thrown away."""

from xase.models.bundles import BundleState
from xase.models.decisions import DecisionRecord, Intervention
from xase.models.keys import ApiKey, Identity, NewApiKey
from xase.models.model import Document, Items, Model, plain
from xase.models.pages import Page
from xase.models.proofs import Checkpoint, LedgerEntry, Proof, key_text

__all__ = [
    "ApiKey",
    "BundleState",
    "Checkpoint",
    "DecisionRecord",
    "Document",
    "Identity",
    "Intervention",
    "Items",
    "LedgerEntry",
    "Model",
    "NewApiKey",
    "Page",
    "Proof",
    "key_text",
    "plain",
]
