"""Xase: decision records in a tamper-evident ledger, and evidence that anyone verifies offline.

    import xase

    with xase.Client(api_key="xase_pk_…") as client:
        record = client.records.create(
            model_id="credit-model-v2",
            input={"customer_id": "cust_123", "income": 85000},
            output={"decision": "APPROVED", "credit_limit": 25000},
            confidence=0.94,
        )
        client.records.prove(record.id)

Names are loaded when they are first used: `import xase` costs a millisecond.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xase import errors, models
    from xase._client._async.client import AsyncClient
    from xase._client._async.session import AsyncSession
    from xase._client._sync.client import Client
    from xase._client._sync.session import Session
    from xase._client.config import SpoolLimits
    from xase._client.version import __version__
    from xase.errors import (
        AccessRevoked,
        APIError,
        ApprovalRequired,
        AuthenticationFailed,
        AuthorizationFailed,
        BadRequest,
        BudgetExhausted,
        ConfigurationError,
        Conflict,
        ConnectionFailed,
        ConnectionLost,
        DatasetError,
        DeadlineExceeded,
        EvidenceError,
        Forbidden,
        GroupTooSmall,
        IdempotencyInProgress,
        IdempotencyMismatch,
        InternalError,
        InvalidCursor,
        InvalidQuery,
        LedgerForked,
        LedgerInconsistent,
        LedgerTruncated,
        MethodNotAllowed,
        NotFound,
        PayloadTooLarge,
        PolicyViolation,
        QuotaExceeded,
        RateLimitExceeded,
        RequestTimeout,
        ServerError,
        SessionClosed,
        SessionExpired,
        SpoolError,
        SpoolFull,
        Timeout,
        TransportError,
        Unavailable,
        UnexpectedAnswer,
        UnsupportedMediaType,
        UntrustedKey,
        ValidationFailed,
        XaseError,
    )
    from xase.models import (
        Aggregation,
        ApiKey,
        ApprovalRequest,
        Batch,
        BundleState,
        Checkpoint,
        DataRecord,
        DataRecords,
        DatasetField,
        DatasetProfile,
        DatasetSchema,
        DatasetState,
        DatasetVersion,
        DecisionRecord,
        Document,
        Identity,
        Intervention,
        LedgerEntry,
        NewApiKey,
        Operation,
        Page,
        Policy,
        PolicyImpact,
        PolicyVerdict,
        Proof,
        Records,
        Revocation,
        SessionEvent,
        SessionState,
        Transformed,
    )

_HOMES = {
    "AsyncClient": "xase._client._async.client",
    "AsyncSession": "xase._client._async.session",
    "Client": "xase._client._sync.client",
    "Session": "xase._client._sync.session",
    "SpoolLimits": "xase._client.config",
    "__version__": "xase._client.version",
    **dict.fromkeys(
        (
            "Aggregation",
            "ApiKey",
            "ApprovalRequest",
            "Batch",
            "BundleState",
            "Checkpoint",
            "DataRecord",
            "DataRecords",
            "DatasetField",
            "DatasetProfile",
            "DatasetSchema",
            "DatasetState",
            "DatasetVersion",
            "DecisionRecord",
            "Document",
            "Identity",
            "Intervention",
            "LedgerEntry",
            "NewApiKey",
            "Operation",
            "Page",
            "Policy",
            "PolicyImpact",
            "PolicyVerdict",
            "Proof",
            "Records",
            "Revocation",
            "SessionEvent",
            "SessionState",
            "Transformed",
        ),
        "xase.models",
    ),
}

__all__ = [
    "APIError",
    "AccessRevoked",
    "Aggregation",
    "ApiKey",
    "ApprovalRequest",
    "ApprovalRequired",
    "AsyncClient",
    "AsyncSession",
    "AuthenticationFailed",
    "AuthorizationFailed",
    "BadRequest",
    "Batch",
    "BudgetExhausted",
    "BundleState",
    "Checkpoint",
    "Client",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "ConnectionLost",
    "DataRecord",
    "DataRecords",
    "DatasetError",
    "DatasetField",
    "DatasetProfile",
    "DatasetSchema",
    "DatasetState",
    "DatasetVersion",
    "DeadlineExceeded",
    "DecisionRecord",
    "Document",
    "EvidenceError",
    "Forbidden",
    "GroupTooSmall",
    "IdempotencyInProgress",
    "IdempotencyMismatch",
    "Identity",
    "InternalError",
    "Intervention",
    "InvalidCursor",
    "InvalidQuery",
    "LedgerEntry",
    "LedgerForked",
    "LedgerInconsistent",
    "LedgerTruncated",
    "MethodNotAllowed",
    "NewApiKey",
    "NotFound",
    "Operation",
    "Page",
    "PayloadTooLarge",
    "Policy",
    "PolicyImpact",
    "PolicyVerdict",
    "PolicyViolation",
    "Proof",
    "QuotaExceeded",
    "RateLimitExceeded",
    "Records",
    "RequestTimeout",
    "Revocation",
    "ServerError",
    "Session",
    "SessionClosed",
    "SessionEvent",
    "SessionExpired",
    "SessionState",
    "SpoolError",
    "SpoolFull",
    "SpoolLimits",
    "Timeout",
    "Transformed",
    "TransportError",
    "Unavailable",
    "UnexpectedAnswer",
    "UnsupportedMediaType",
    "UntrustedKey",
    "ValidationFailed",
    "XaseError",
    "__version__",
    "errors",
    "models",
]


def __getattr__(name: str) -> Any:
    if name in {"errors", "models"}:
        return import_module(f"xase.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'xase' has no attribute {name!r}")
    home = import_module(_HOMES.get(name, "xase.errors"))
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
