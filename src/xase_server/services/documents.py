"""Objects' documents: the one place where what is kept of an object is encoded, and read by its kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.json import decode, encode

from xase_server.domain.approvals import Waiting
from xase_server.domain.budgets import Budget
from xase_server.domain.bundles import Export
from xase_server.domain.datasets import Dataset, Version
from xase_server.domain.guardrails import StoredGuardrails
from xase_server.domain.objects import ObjectRow
from xase_server.domain.policies import StoredPolicy
from xase_server.domain.sessions import Session
from xase_server.domain.webhooks import StoredWebhook
from xase_server.query import schema


def document_of(kept: Struct) -> bytes:
    """The bytes to keep."""
    return encode(kept)


def dataset_of(row: ObjectRow) -> Dataset:
    """What is kept of a dataset."""
    return decode(row.document, type=Dataset)


def version_of(row: ObjectRow) -> Version:
    """What is kept of one version of a dataset."""
    return decode(row.document, type=Version)


def policy_of(row: ObjectRow) -> StoredPolicy:
    """What is kept of a policy, in force or of one version."""
    return decode(row.document, type=StoredPolicy)


def guardrails_of(row: ObjectRow) -> StoredGuardrails:
    """What is kept of an organisation's guardrails."""
    return decode(row.document, type=StoredGuardrails)


def session_of(row: ObjectRow) -> Session:
    """What is kept of a session."""
    return decode(row.document, type=Session)


def waiting_of(row: ObjectRow) -> Waiting:
    """What is kept of a request that waits for people."""
    return decode(row.document, type=Waiting)


def budget_of(row: ObjectRow) -> Budget:
    """What is kept of a dataset's privacy budget."""
    return decode(row.document, type=Budget)


def export_of(row: ObjectRow) -> Export:
    """What is kept of a bundle that was asked for."""
    return decode(row.document, type=Export)


def webhook_of(row: ObjectRow) -> StoredWebhook:
    """What is kept of a webhook."""
    return decode(row.document, type=StoredWebhook)


def schema_of(version: Version) -> schema.Schema:
    """A version's columns as queries and policies know them."""
    return _struct(version.schema)


def _struct(columns: Sequence[Mapping[str, Any]]) -> schema.Struct:
    return schema.Struct(tuple((column["name"], _type(column)) for column in columns))


def _type(form: Mapping[str, Any]) -> schema.Type:
    if form["type"] == "list":
        return schema.ListOf(_type(form["element"]))
    if form["type"] == "struct":
        return _struct(form["members"])
    return schema.Scalar(schema.Kind(form["type"]))
