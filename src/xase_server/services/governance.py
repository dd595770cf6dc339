"""What governs a dataset now, and what that says of a request (docs/spec/api.md, section 5)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from xase_server.domain.datasets import Dataset, dataset_ref
from xase_server.domain.errors import Refused
from xase_server.domain.objects import Expectation, ObjectRef, ObjectRow
from xase_server.domain.policies import policy_ref
from xase_server.domain.sessions import Session
from xase_server.policy.decide import AccessRequest, Layer, LayerKind, Verdict, Violation, decide
from xase_server.policy.load import load
from xase_server.policy.purposes import DEFAULT_PURPOSES, Purposes
from xase_server.ports import Reads
from xase_server.services.documents import dataset_of, policy_of
from xase_server.services.guarding import find_guard
from xase_server.services.parsed import Parsed

NOT_ALLOWED: Final = "The policy does not allow this"
APPROVAL_NEEDED: Final = Violation("approval_required", "The policy now asks for an approval; ask for access again")


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy version that has a say on a dataset."""

    layer: Layer
    hash: str


@dataclass(frozen=True, slots=True)
class Governed:
    """A dataset with the policies in force on it, as one view of the store showed them.

    `guardrails` are its holder's, `guarded_by` the entry that set them. What is decided on all this holds
    for as long as `expects` does. A change of the dataset's policy, its archiving and a withdrawal of
    consent each move the dataset to its next revision.
    """

    row: ObjectRow
    dataset: Dataset
    policy: InForce | None
    expects: tuple[Expectation, ...]
    guardrails: tuple[InForce, ...] = ()
    guarded_by: str | None = None

    @property
    def policy_id(self) -> str | None:
        """The policy that governs it, None when it is closed."""
        return self.policy.layer.policy_id if self.policy else None

    @property
    def policy_version(self) -> int | None:
        """That policy's version."""
        return self.policy.layer.version if self.policy else None

    @property
    def versions(self) -> tuple[tuple[str, int], ...]:
        """Its holder's guardrails, each with its version."""
        return tuple((each.layer.policy_id, each.layer.version) for each in self.guardrails)

    def granted(self, session: Session) -> bool:
        """Whether what governs it now is what granted the session."""
        now = (self.policy_id, self.policy_version, self.versions)
        return now == (session.policy_id, session.policy_version, session.guardrails)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All that have a say, the widest first."""
        return tuple(each.layer for each in (*self.guardrails, *([self.policy] if self.policy else ())))

    @property
    def cited_guardrails(self) -> dict[str, Any] | None:
        """What a verdict's entry says of the guardrails; None where its holder never set any."""
        if self.guarded_by is None:
            return None
        policies = [
            {"policy_id": each.layer.policy_id, "policy_version": each.layer.version, "policy_hash": each.hash}
            for each in self.guardrails
        ]
        return {"entry": self.guarded_by, "policies": policies}


class Governance:
    """Finds what governs a dataset; policies are parsed once for each version."""

    def __init__(self, purposes: Purposes = DEFAULT_PURPOSES) -> None:
        self.purposes = purposes
        self._datasets = Parsed()
        self._policies = Parsed()

    def of(self, reads: Reads, dataset_id: str) -> Governed | None:
        """The dataset and its policies, or None when there is no such dataset."""
        row = reads.object(dataset_ref(dataset_id))
        return None if row is None else self.governed(reads, row)

    def governed(self, reads: Reads, row: ObjectRow) -> Governed:
        """The dataset of this row with its policy and its holder's guardrails."""
        dataset = self._datasets.of(row, dataset_of)
        guard = find_guard(reads, row.organisation)
        expects = (Expectation(row.ref, row.revision), *guard.expects)
        policy: InForce | None = None
        if dataset.policy_id is not None:
            ref = policy_ref(row.organisation, dataset.policy_id)
            found = reads.object(ref)
            policy = None if found is None else self._in_force(found)
            expects = (*expects, _as_found(ref, found))
        guardrails = tuple(_as_guardrail(self._in_force(each)) for each in guard.rows)
        guarded_by = None if guard.stored is None else guard.stored.entry
        return Governed(row, dataset, policy, tuple(dict.fromkeys(expects)), guardrails, guarded_by)

    def judge(self, governed: Governed, request: AccessRequest, *, own: bool) -> Verdict:
        """What all layers say of the request; `own` is whether the holder asks for its own data.

        Data that no policy governs is closed to everyone but its holder.
        """
        return self.decide(governed.layers, request, own=own)

    def decide(self, layers: tuple[Layer, ...], request: AccessRequest, *, own: bool = False) -> Verdict:
        """What these layers would say of the request."""
        return decide(layers, request, self.purposes, own=own)

    def _in_force(self, row: ObjectRow) -> InForce:
        return self._policies.of(row, _parse_policy)


def policy_violation(policy_id: str | None, version: int | None, violations: Iterable[Violation]) -> Refused:
    """The refusal that says what a requester may know of a denial."""
    return Refused(
        "policy_violation",
        NOT_ALLOWED,
        {
            "policy_id": policy_id,
            "policy_version": version,
            "violations": [{"rule": each.rule, "message": each.message} for each in violations],
        },
    )


def as_layer(kind: LayerKind, row: ObjectRow) -> Layer:
    """The policy of this row as a layer of this kind."""
    stored = policy_of(row)
    return Layer(kind, stored.id, stored.version, load(stored.document))


def _parse_policy(row: ObjectRow) -> InForce:
    return InForce(as_layer(LayerKind.DATASET, row), policy_of(row).hash)


def _as_guardrail(policy: InForce) -> InForce:
    return replace(policy, layer=replace(policy.layer, kind=LayerKind.GUARDRAIL))


def _as_found(ref: ObjectRef, row: ObjectRow | None) -> Expectation:
    return Expectation(ref, row.revision if row else 0)
