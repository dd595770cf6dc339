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
    KEYS_READ: "list API keys",
    KEYS_WRITE: "create, rotate and revoke API keys",
}

_READING: Final = frozenset({RECORDS_READ, EVIDENCE_READ, LEDGER_READ})

ROLES: Final[dict[str, frozenset[str]]] = {
    "admin": frozenset(SCOPES) - {LOG_MONITOR},
    "data_holder": _READING | {RECORDS_WRITE, RECORDS_INTERVENE, RECORDS_ERASE, EVIDENCE_EXPORT},
    "ai_lab": _READING | {RECORDS_WRITE, EVIDENCE_EXPORT},
    "reviewer": _READING | {RECORDS_INTERVENE},
    "auditor": _READING | {EVIDENCE_EXPORT, KEYS_READ},
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
