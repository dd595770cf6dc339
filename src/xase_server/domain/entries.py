"""What is handed to the ledger, and what comes back.

A `Unit` is appended whole or not at all: its entries, their payload parts, the rows derived from
them (`effect`) and the idempotency claim become durable in one transaction.

What is made for every entry is a `Struct`: a frozen dataclass takes ten times as long to make.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NewType

from msgspec import Struct, field

from xase.proof.entry import Prepared
from xase_server.domain.objects import Delivery, Expectation, ModelUse, ObjectRow
from xase_server.domain.quotas import Allowance, Rate

Stream = NewType("Stream", str)

EntryType = Literal[
    "decision",
    "intervention",
    "payload_erased",
    "dataset_registered",
    "dataset_changed",
    "dataset_version",
    "dataset_version_failed",
    "dataset_archived",
    "policy_version",
    "guardrails_changed",
    "verdict",
    "approval",
    "session_opened",
    "session_closed",
    "session_expired",
    "access_revoked",
    "release",
    "aggregate",
    "aggregate_refused",
    "transform",
    "operation",
    "consent_withdrawn",
    "tokens_reversed",
    "tokens_erased",
    "bundle_requested",
    "bundle_exported",
    "bundle_failed",
    "webhook_created",
    "webhook_changed",
    "webhook_secret_rotated",
    "webhook_disabled",
    "webhook_deleted",
    "webhook_test",
    "webhook_replayed",
    "key_created",
    "key_revoked",
    "signing_key_rotated",
]
"""What an entry is of (docs/spec/evidence.md, section 3). Each is an event for webhooks, or says why it is none."""


def decisions_stream(organisation: str) -> Stream:
    """The chain of an organisation's decisions, interventions and erasures."""
    return Stream(f"decisions/{organisation}")


def session_stream(session: str) -> Stream:
    """The chain of one access session, complete in itself."""
    return Stream(f"session/{session}")


def admin_stream(organisation: str) -> Stream:
    """The chain of an organisation's key changes and exports."""
    return Stream(f"admin/{organisation}")


class Part(Struct, frozen=True, gc=False, array_like=True):
    """One piece of personal content behind a commitment: its salt (32 bytes) and canonical JSON."""

    salt: bytes
    canonical: bytes


class DecisionStored(Struct, frozen=True, gc=False):
    """A decision record joins its organisation's list."""

    organisation: str
    model_id: str
    policy_id: str | None
    transaction_id: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class InterventionStored:
    """A decision record gains an intervention."""

    organisation: str
    record_id: str


@dataclass(frozen=True, slots=True)
class PayloadErased:
    """The named parts of a decision record, with their salts, are destroyed; the first erasure stands."""

    organisation: str
    record_id: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokensErased:
    """The places of these names in the map of tokens are destroyed."""

    names: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """An API key as it is kept: the SHA-256 of the secret, never the secret."""

    id: str
    organisation: str
    email: str
    name: str
    role: str | None
    scopes: tuple[str, ...]
    may_act_for: tuple[str, ...]
    digest: bytes
    display: str
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    last_used_ms: int | None = None
    rotated_to: str | None = None


@dataclass(frozen=True, slots=True)
class KeyStored:
    """An API key comes into being; when it replaces another, that one ends at `old_expires_ms`."""

    key: ApiKeyRow
    replaces: str | None = None
    old_expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """An API key stops working; `revoked_ms` is the entry's time. `objects` let releases of this key be refused."""

    organisation: str
    key_id: str
    objects: tuple[ObjectRow, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleRow:
    """An evidence bundle: what it covers and how its bytes are known again."""

    id: str
    organisation: str
    created_ms: int
    scope: bytes
    purpose: str | None
    format: str
    record_count: int
    entry_count: int
    tree_size: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class BundleStored:
    """A bundle's bytes become downloadable."""

    row: BundleRow
    content: bytes


class ObjectsChanged(Struct, frozen=True):
    """Objects come into being, or move on to their next revision."""

    objects: tuple[ObjectRow, ...]


class Used(Struct, frozen=True, gc=False):
    """A session used this much; a release says which records it touches, an operation for which model.

    `accounts` have used as much as the session; the request counts towards each of `rates`. `objects` move on with it:
    the budget that an answer is paid from, what it tells of groups.
    """

    session: str
    records: int = 0
    bytes: int = 0
    queries: int = 0
    operations: int = 0
    delivery: Delivery | None = None
    model: ModelUse | None = None
    objects: tuple[ObjectRow, ...] = ()
    accounts: tuple[str, ...] = ()
    rates: tuple[Rate, ...] = ()


Effect = (
    ObjectsChanged
    | Used
    | DecisionStored
    | InterventionStored
    | PayloadErased
    | TokensErased
    | KeyStored
    | KeyRevoked
    | BundleStored
)


_CHANGING: Final = (ObjectsChanged, Used, KeyRevoked)


def objects_in(effect: Effect | None) -> tuple[ObjectRow, ...]:
    """The objects that an effect makes or changes."""
    return effect.objects if isinstance(effect, _CHANGING) else ()


class Append(Struct, frozen=True):
    """One entry to come: everything but its place and time.

    The entry's time is the ledger's clock, but never before `not_before_ms`.
    """

    id: str
    type: str
    stream: Stream
    organisation: str
    prepared: Prepared
    parts: dict[str, Part] = field(default_factory=dict)
    effect: Effect | None = None
    not_before_ms: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key in use: same scope and key with the same `request` digest gets `answer` again."""

    scope: str
    key: str
    request: bytes
    answer: bytes


class Unit(Struct, frozen=True):
    """What one request appends, whole or not at all, and only if every object in `expects` still stands as it says.

    That an object which a unit changes was at the revision before is always expected. With `until_ms` it is
    appended before that time or not at all. Where no account has used more than `within` allows by then, with what the
    unit itself uses, and none of the rates that it counts towards is full.
    """

    appends: tuple[Append, ...]
    claim: Claim | None = None
    expects: tuple[Expectation, ...] = ()
    until_ms: int | None = None
    within: tuple[Allowance, ...] = ()

    @property
    def changed(self) -> tuple[ObjectRow, ...]:
        """The objects that this unit makes or changes."""
        return tuple([row for append in self.appends for row in objects_in(append.effect)])

    @property
    def uses(self) -> tuple[Used, ...]:
        """What it adds to what sessions have used."""
        return tuple(append.effect for append in self.appends if isinstance(append.effect, Used))

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """What must hold for it to be appended."""
        changed = self.changed
        return (
            (*self.expects, *[Expectation(row.ref, row.revision - 1) for row in changed]) if changed else self.expects
        )


class SealedEntry(Struct, frozen=True, gc=False):
    """An entry in its place: `raw` are the canonical bytes, `hash` their RFC 6962 leaf hash."""

    index: int
    sequence: int
    time_ms: int
    hash: bytes
    previous_hash: str
    raw: bytes


class Committed(Struct, frozen=True):
    """A unit that is durable, in the tree and under the signed checkpoint of `tree_size`.

    `receipt` makes the complete offline proof of one of its entries; it reads nothing.
    """

    entries: tuple[SealedEntry, ...]
    tree_size: int
    receipt: Callable[[SealedEntry], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The unit's idempotency key had been answered before; nothing was appended."""

    answer: bytes
