"""The shapes of answers, for the OpenAPI file and the tests that hold the server to it.

Answers are not built from these: they are made of canonical bytes. Unknown fields may come with
later versions, so readers keep them.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
Hex = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Count = Annotated[int, Meta(ge=0)]
Json = dict[str, Any]
Action = Literal["APPROVED", "REJECTED", "OVERRIDE", "ESCALATED"]


class Receipt(Struct):
    """The complete offline proof of one entry."""

    entry: Json
    index: Count
    tree_size: Count
    inclusion_path: list[Hex]
    checkpoint: Annotated[str, Meta(description="A C2SP signed note.")]


class Intervention(Struct):
    """What a person did about a decision; `signature` is the document key's (RSA, base64)."""

    id: Annotated[str, Meta(pattern="^int_[0-9a-f]{16}$")]
    record_id: Annotated[str, Meta(pattern="^rec_[0-9a-f]{16}$")]
    actor_email: str
    action: Action
    reason: str
    signature: str
    signed_at: Time
    hash: Digest
    previous_hash: Digest
    new_outcome: Json | UnsetType = UNSET
    evidence_urls: list[str] | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET
    receipt: Receipt | UnsetType = UNSET


class DecisionRecord(Struct):
    """A decision as it was recorded; optional fields that were not sent, or were erased, are absent."""

    id: Annotated[str, Meta(pattern="^rec_[0-9a-f]{16}$")]
    model_id: str
    hash: Annotated[Digest, Meta(description="Of the record's ledger entry.")]
    previous_hash: Annotated[Digest, Meta(description="Of the entry before it in its chain.")]
    sequence: Annotated[int, Meta(ge=0, description="Its place in the chain.")]
    created_at: Time
    interventions: list[Intervention]
    input: Json | UnsetType = UNSET
    output: Json | UnsetType = UNSET
    confidence: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    transaction_id: str | UnsetType = UNSET
    policy_id: str | UnsetType = UNSET
    context: Json | UnsetType = UNSET
    explanation: Json | UnsetType = UNSET
    model_version: str | UnsetType = UNSET
    model_hash: str | UnsetType = UNSET
    erased_at: Time | UnsetType = UNSET
    erased_reason: str | UnsetType = UNSET
    receipt: Receipt | UnsetType = UNSET


class DecisionRecordBatch(Struct):
    """The decision records of a batch, in the order they were sent."""

    data: list[DecisionRecord]


class DecisionProof(Receipt):
    """A record's receipt with its neighbours in the chain."""

    record_id: str
    hash: Digest
    previous_hash: Digest
    next_hash: Annotated[Digest | None, Meta(description="Null for the newest entry of the chain.")]


class Listing(Struct):
    """What every list answers besides its items."""

    total: Annotated[int, Meta(ge=0, description="All that match, exactly.")]
    limit: Count
    offset: Count
    next_cursor: Annotated[str | None, Meta(description="Null on the last page.")]


class DecisionRecordList(Listing):
    """A page of decision records."""

    data: list[DecisionRecord]


class ConfidenceBucket(Struct):
    """How many decisions had a confidence from `from` up to `to`."""

    from_: Annotated[float, Meta(ge=0, le=1)] = field(name="from")
    to: Annotated[float, Meta(ge=0, le=1)]
    count: Count


class DecisionPeriod(Struct):
    """What was decided from one instant to another."""

    from_: Time = field(name="from")
    until: Time
    decisions: Count
    intervened: Annotated[int, Meta(ge=0, description="Decisions with at least one intervention.")]
    interventions: Annotated[dict[str, int], Meta(description="Decisions that saw each action.")]
    override_rate: Annotated[float | None, Meta(description="Of all decisions; null when there are none.")]
    confidence: list[ConfidenceBucket]


class Drift(Struct):
    """How far the period is from the one before it."""

    population_stability_index: Annotated[
        float | None, Meta(description="Of confidence; below 0.1 is steady, above 0.25 has drifted.")
    ]


class DecisionMetrics(Struct):
    """How a model has been deciding."""

    model_id: str | None
    policy_id: str | None
    period: DecisionPeriod
    previous: DecisionPeriod
    drift: Drift


class InterventionList(Listing):
    """A page of interventions, oldest first."""

    data: list[Intervention]


class Key(Struct):
    """An API key, without its secret."""

    id: Annotated[str, Meta(pattern="^key_[0-9a-f]{16}$")]
    name: str
    email: Annotated[str, Meta(description="The principal that the key stands for.")]
    role: str | None
    scopes: list[str]
    may_act_for: list[str]
    display: Annotated[str, Meta(description="Enough of the secret to recognise it.")]
    created_at: Time
    expires_at: Time | UnsetType = UNSET
    revoked_at: Time | UnsetType = UNSET
    last_used_at: Time | UnsetType = UNSET
    rotated_to: str | UnsetType = UNSET


class CreatedKey(Key, kw_only=True):
    """A new API key with its secret, which is shown this once."""

    key: Annotated[str, Meta(pattern="^xase_pk_[0-9a-f]{48}$")]


class KeyList(Listing):
    """A page of keys, newest first."""

    data: list[Key]


class Caller(Struct):
    """The key that makes the call."""

    organisation: str
    key_id: str
    email: str
    role: str | None
    scopes: list[str]
    may_act_for: list[str]


class Disclosed(Struct):
    """A part of an entry with the salt that opens its commitment."""

    salt: Hex
    value: Any


class Evidence(Receipt):
    """One entry with its proof and those of its parts that still exist."""

    id: str
    type: str
    hash: Digest
    disclosed: dict[str, Disclosed]


class BundleFailure(Struct):
    """Why a bundle could not be made: `code` is a slug of the errors, and stays; `message` is for people."""

    code: str
    message: str


class Bundle(Struct):
    """An evidence bundle; all but the first three fields come once it is `READY`, `error` when it is `FAILED`."""

    bundle_id: Annotated[str, Meta(pattern="^bundle_[0-9a-f]{16}$")]
    status: Literal["PROCESSING", "READY", "FAILED"]
    created_at: Time
    scope: Json | UnsetType = UNSET
    purpose: str | UnsetType | None = UNSET
    format: str | UnsetType = UNSET
    record_count: Count | UnsetType = UNSET
    entry_count: Count | UnsetType = UNSET
    tree_size: Count | UnsetType = UNSET
    size: Count | UnsetType = UNSET
    sha256: Digest | UnsetType = UNSET
    download_url: str | UnsetType = UNSET
    error: BundleFailure | UnsetType = UNSET


class BundleList(Listing):
    """A page of bundles, newest first."""

    data: list[Bundle]


class Verification(Struct):
    """The verdict, and what it rests on."""

    valid: bool
    signature_valid: bool
    chain_intact: bool
    timestamps_valid: bool
    contents_valid: bool


class Verdict(Struct):
    """What verifying a bundle found; `details` is the verifier's full report."""

    verification: Verification
    details: Json
    errors: list[Json]


class LedgerEntry(Struct):
    """One place of the log; `entry` is there for the organisation's own."""

    index: Count
    hash: Digest
    entry: Json | UnsetType = UNSET


class EntryList(Struct):
    """Ledger entries in the log's order."""

    data: list[LedgerEntry]
    next_start: Annotated[int | None, Meta(description="Where to go on; null at the end.")]
    size: Annotated[int, Meta(ge=0, description="Entries in the whole log.")]


class InclusionProof(Struct):
    """That a leaf is in a tree (RFC 6962, section 2.1.1); `checkpoint` is there when one was signed at this size."""

    index: Count
    tree_size: Count
    leaf_hash: Digest
    root_hash: Digest
    inclusion_path: list[Hex]
    checkpoint: str | UnsetType = UNSET


class ConsistencyProof(Struct):
    """That one tree is the beginning of another (RFC 6962, section 2.1.2)."""

    first: Count
    second: Count
    first_root: Digest
    second_root: Digest
    consistency_path: list[Hex]
    checkpoint: str | UnsetType = UNSET


class SigningKey(Struct):
    """A public key with its period; `vkey` is a log key's line for note verifiers."""

    use: Literal["log", "document"]
    kid: str
    algorithm: str
    public_key: Annotated[str, Meta(description="PEM.")]
    valid_from: Time
    valid_to: Time | UnsetType = UNSET
    vkey: str | UnsetType = UNSET


class SigningKeys(Struct):
    """All public keys of this server, past ones included."""

    keys: list[SigningKey]


class Readiness(Struct):
    """Where the ledger stands."""

    status: str
    log: str
    size: Count


class Checkpoint(Struct):
    """The head of the log, taken apart; `note` is what is signed."""

    origin: str
    size: Count
    root: Digest
    note: str


class Health(Struct):
    """Whether the server works."""

    status: str


class Problem(Struct):
    """What is wrong with one field; `field` is a dotted path."""

    field: str
    message: str


class ErrorBody(Struct):
    """What went wrong: `type` and `code` hold the same slug."""

    type: str
    code: str
    message: str
    request_id: Annotated[str, Meta(pattern="^req_[0-9a-f]{16}$")]
    details: Annotated[list[Problem] | Json, Meta(description="What the slug promises.")] | UnsetType = UNSET


class Error(Struct):
    """The envelope of every error."""

    error: ErrorBody


class ProblemDetails(Struct):
    """The same content for callers that accept `application/problem+json` (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    details: list[Problem] | Json | UnsetType = UNSET
