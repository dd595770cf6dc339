"""Who is calling, and what they may do. Deny by default: a scope that is not listed is not held."""

from dataclasses import dataclass
from typing import Final

RECORDS_READ: Final = "records:read"
RECORDS_WRITE: Final = "records:write"
RECORDS_INTERVENE: Final = "records:intervene"
RECORDS_ERASE: Final = "records:erase"
EVIDENCE_READ: Final = "evidence:read"
EVIDENCE_EXPORT: Final = "evidence:export"
LEDGER_READ: Final = "ledger:read"
LOG_MONITOR: Final = "log:monitor"
DATASETS_READ: Final = "datasets:read"
DATASETS_WRITE: Final = "datasets:write"
POLICIES_READ: Final = "policies:read"
POLICIES_WRITE: Final = "policies:write"
GUARDRAILS_WRITE: Final = "guardrails:write"
ACCESS_REQUEST: Final = "access:request"
ACCESS_REVOKE: Final = "access:revoke"
ACCESS_APPROVE: Final = "access:approve"
CONSENT_WRITE: Final = "consent:write"
TOKENS_REVERSE: Final = "tokens:reverse"
TOKENS_ERASE: Final = "tokens:erase"
LINEAGE_READ: Final = "lineage:read"
SESSIONS_READ: Final = "sessions:read"
SESSIONS_USE: Final = "sessions:use"
USAGE_READ: Final = "usage:read"
AUDIT_READ: Final = "audit:read"
WEBHOOKS_READ: Final = "webhooks:read"
WEBHOOKS_WRITE: Final = "webhooks:write"
KEYS_READ: Final = "keys:read"
KEYS_WRITE: Final = "keys:write"

SCOPES: Final[dict[str, str]] = {
    RECORDS_READ: "read decision records, their interventions and proofs",
    RECORDS_WRITE: "record decisions",
    RECORDS_INTERVENE: "approve, reject, override or escalate a decision",
    RECORDS_ERASE: "erase a decision record's payload",
    EVIDENCE_READ: "read entries with their proofs, and evidence bundles",
    EVIDENCE_EXPORT: "make evidence bundles",
    LEDGER_READ: "read the organisation's ledger entries and proofs",
    LOG_MONITOR: "read the entry bundles of the whole log, all organisations (granted by the operator only)",
    DATASETS_READ: "list datasets, their versions and schemas",
    DATASETS_WRITE: "register datasets, add data, read profiles, archive",
    POLICIES_READ: "read policies, their versions and which are guardrails, simulate requests",
    POLICIES_WRITE: "make and change policies",
    GUARDRAILS_WRITE: "name the policies that guard every dataset of the organisation",
    ACCESS_REQUEST: "ask for access to a dataset, and close sessions of the organisation",
    ACCESS_REVOKE: "revoke sessions on the organisation's datasets",
    ACCESS_APPROVE: "decide on requests for access to the organisation's datasets, where the policy names the role",
    CONSENT_WRITE: "withdraw a person's consent from the organisation's datasets",
    TOKENS_REVERSE: "follow tokens of the organisation's datasets back to the values they stand for",
    TOKENS_ERASE: "destroy the way back from tokens of the organisation's datasets to the values they stand for",
    LINEAGE_READ: "follow decisions, models and data to where they came from and went",
    SESSIONS_READ: "see the organisation's sessions, and those on its datasets, with their events",
    SESSIONS_USE: "stream, filter, aggregate and look up data in the organisation's sessions",
    USAGE_READ: "sum up what sessions and models have used, of the organisation's data or by it",
    AUDIT_READ: "read all of the organisation's entries, and those of sessions on its datasets",
    WEBHOOKS_READ: "see the organisation's webhooks and what they were sent",
    WEBHOOKS_WRITE: "make, change and delete webhooks, rotate their secrets, send again",
    KEYS_READ: "list API keys",
    KEYS_WRITE: "create, rotate and revoke API keys",
}

_READING: Final = frozenset({RECORDS_READ, EVIDENCE_READ, LEDGER_READ, DATASETS_READ, SESSIONS_READ, LINEAGE_READ})
_HOLDING: Final = frozenset(
    {
        DATASETS_WRITE,
        POLICIES_READ,
        POLICIES_WRITE,
        ACCESS_REVOKE,
        ACCESS_APPROVE,
        CONSENT_WRITE,
        TOKENS_REVERSE,
        TOKENS_ERASE,
        AUDIT_READ,
    }
)
_USING: Final = frozenset({ACCESS_REQUEST, SESSIONS_USE})
_NOTIFIED: Final = frozenset({WEBHOOKS_READ, WEBHOOKS_WRITE})

ROLES: Final[dict[str, frozenset[str]]] = {
    "admin": frozenset(SCOPES) - {LOG_MONITOR},
    "data_holder": _READING
    | _HOLDING
    | _USING
    | _NOTIFIED
    | {USAGE_READ, RECORDS_WRITE, RECORDS_INTERVENE, RECORDS_ERASE, EVIDENCE_EXPORT},
    "ai_lab": _READING | _USING | _NOTIFIED | {USAGE_READ, RECORDS_WRITE, EVIDENCE_EXPORT},
    "reviewer": _READING | {RECORDS_INTERVENE, POLICIES_READ, ACCESS_APPROVE},
    "auditor": _READING | {USAGE_READ, AUDIT_READ, EVIDENCE_EXPORT, KEYS_READ, POLICIES_READ, WEBHOOKS_READ},
}


@dataclass(frozen=True, slots=True)
class Principal:
    """The owner of the key that made a request.

    `role` is None for a key with an explicit list of scopes. `email` names the person or
    service that acts; `may_act_for` lists other principals it may speak for.
    """

    organisation: str
    key_id: str
    email: str
    role: str | None
    scopes: frozenset[str]
    may_act_for: frozenset[str] = frozenset()

    def may(self, scope: str) -> bool:
        """Whether the key holds the scope."""
        return scope in self.scopes

    def speaks_for(self, email: str) -> bool:
        """Whether the key may sign as this person."""
        return email == self.email or email in self.may_act_for
