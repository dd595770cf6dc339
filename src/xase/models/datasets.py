"""Datasets and policies as their holder sees them."""

from collections.abc import Sequence
from typing import ClassVar

from xase.models.model import Document, Facts, Model


class DatasetState(Model):
    """A dataset, as it was when it was last looked at. `progress` is there while data of it is being read.

    What only its holder sees is None for others.
    """

    __slots__ = ()
    _kinds: ClassVar = {"fields": Facts, "progress": Facts}

    dataset_id: str
    organisation: str
    name: str
    description: str | None
    status: str
    version: int
    created_at: str
    id_field: str | None
    subject_field: str | None
    policy_id: str | None
    derived_from: str | None
    fields: Facts | None
    rows: int | None
    bytes: int | None
    digest: str | None
    failure: str | None
    last_failure: str | None
    progress: Facts | None

    @property
    def id(self) -> str:
        """The dataset's id, `ds_…`."""
        return str(self.dataset_id)


class DatasetVersion(Model):
    """One immutable version of a dataset."""

    __slots__ = ()
    _kinds: ClassVar = {"parent": Facts}

    dataset_id: str
    version: int
    mode: str
    rows: int
    bytes: int
    digest: str
    created_at: str
    id_field: str | None
    parent: Facts | None


class DatasetField(Model):
    """A field of a dataset with those below it; `class` is read by item."""

    __slots__ = ()

    path: str
    type: str
    description: str | None
    fields: "Sequence[DatasetField] | None"


DatasetField._kinds = {"fields": DatasetField}  # noqa: SLF001 - a field holds fields


class DatasetSchema(Model):
    """The fields of a dataset's newest version."""

    __slots__ = ()
    _kinds: ClassVar = {"fields": DatasetField}

    dataset_id: str
    version: int
    fields: Sequence[DatasetField]


class DatasetProfile(Model):
    """What the values of each field of a dataset are like."""

    __slots__ = ()

    dataset_id: str
    version: int
    rows: int
    fields: Document


class DatasetBudget(Model):
    """What noisy answers about a dataset have cost, by organisation, and what is left; None where there is no ε."""

    __slots__ = ()
    _kinds: ClassVar = {"organisations": Facts}

    dataset_id: str
    epsilon_total: float | None
    epsilon_spent: float
    epsilon_left: float | None
    organisations: Sequence[Facts]


class DatasetRisk(Model):
    """How easily the records of a version are recognised; `hash` where its ledger entry cites the report."""

    __slots__ = ()
    _kinds: ClassVar = {"report": Facts}

    dataset_id: str
    version: int
    report: Facts
    hash: str | None


class Policy(Model):
    """One version of a policy; `document` as it was written, `hash` what ledger entries cite."""

    __slots__ = ()
    _kinds: ClassVar = {"document": Facts}

    id: str
    version: int
    name: str
    hash: str
    created_at: str
    document: Facts


class GuardrailList(Model):
    """The policies that guard every dataset of the organisation, in order, and the entry that named them."""

    __slots__ = ()
    _kinds: ClassVar = {"policies": Facts}

    policies: Sequence[Facts]
    changed_at: str | None
    evidence_id: str | None


class PolicyVerdict(Model):
    """What a policy says of a hypothetical request, and how each clause came out."""

    __slots__ = ()
    _kinds: ClassVar = {"violations": Facts, "contract": Facts, "chosen": Facts, "narrowed_by": Facts, "trace": Facts}

    verdict: str
    policy_id: str
    policy_version: int
    violations: Sequence[Facts]
    approvers: Sequence[str]
    contract: Facts | None
    contract_hash: str | None
    chosen: Facts
    narrowed_by: Facts
    trace: Sequence[Facts]


class PolicyImpact(Model):
    """The open sessions that a changed policy would cut or narrow, and how many would go on as they are."""

    __slots__ = ()
    _kinds: ClassVar = {"sessions": Facts}

    sessions: Sequence[Facts]
    unchanged: int


class Withdrawal(Model):
    """A person's withdrawal: which sessions had received their records, and which models were made in those.

    `derived` are the versions of datasets that were made of their records: how many each holds, how many it left out.
    """

    __slots__ = ()
    _kinds: ClassVar = {"sessions": Facts, "models": Facts, "derived": Facts}

    withdrawal_id: str
    dataset_id: str
    records: int | None
    sessions: Sequence[Facts] | None
    models: Sequence[Facts] | None
    derived: Sequence[Facts] | None


class TokenErasure(Model):
    """Tokens that were `erased`: they stand for nothing any more. `unknown` stood for nothing before."""

    __slots__ = ()

    erasure_id: str
    dataset_id: str
    erased: Sequence[str]
    unknown: Sequence[str]


class Reversal(Model):
    """What tokens stand for: each of `reversed` has `token`, `value` as text, and the `session_id` it was made for."""

    __slots__ = ()

    reversal_id: str
    dataset_id: str
    reversed: Sequence[Document]
    unknown: Sequence[str]
