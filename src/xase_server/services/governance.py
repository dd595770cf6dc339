"""What governs a dataset now, and what that says of a request (docs/spec/api.md, section 5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from xase_server.domain.datasets import Dataset, dataset_ref
from xase_server.domain.errors import Refused
from xase_server.domain.objects import Expectation, ObjectRef, ObjectRow
from xase_server.domain.policies import policy_ref
from xase_server.domain.sessions import Session
from xase_server.policy.contract import Contract
from xase_server.policy.decide import AccessRequest, Layer, LayerKind, Outcome, Verdict, Violation, decide
from xase_server.policy.load import load
from xase_server.policy.purposes import DEFAULT_PURPOSES, Purposes
from xase_server.ports import Reads
from xase_server.services.documents import dataset_of, policy_of
from xase_server.services.parsed import Parsed

NOT_ALLOWED: Final = "The policy does not allow this"
APPROVAL_NEEDED: Final = Violation("approval_required", "The policy now asks for an approval; ask for access again")


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy version that governs a dataset."""

    layer: Layer
    hash: str


@dataclass(frozen=True, slots=True)
class Governed:
    """A dataset with the policy in force on it, as one view of the store showed them.

    What is decided on it holds for as long as `expects` does. A change of the dataset's policy, its
    archiving and a withdrawal of consent each move the dataset to its next revision.
    """

    row: ObjectRow
    dataset: Dataset
    policy: InForce | None
    expects: tuple[Expectation, ...]

    @property
    def policy_id(self) -> str | None:
        """The policy that governs it, None when it is closed."""
        return self.policy.layer.policy_id if self.policy else None

    @property
    def policy_version(self) -> int | None:
        """That policy's version."""
        return self.policy.layer.version if self.policy else None

    def granted(self, session: Session) -> bool:
        """Whether what governs it now is what granted the session."""
        return (self.policy_id, self.policy_version) == (session.policy_id, session.policy_version)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All that have a say; an organisation's guardrail would stand before the dataset's own policy."""
        return (self.policy.layer,) if self.policy else ()


class Governance:
    """Finds what governs a dataset; policies are parsed once for each version."""

    def __init__(self, purposes: Purposes = DEFAULT_PURPOSES) -> None:
        self._purposes = purposes
        self._datasets = Parsed()
        self._policies = Parsed()

    def of(self, reads: Reads, dataset_id: str) -> Governed | None:
        """The dataset and its policy, or None when there is no such dataset."""
        row = reads.object(dataset_ref(dataset_id))
        return None if row is None else self.governed(reads, row)

    def governed(self, reads: Reads, row: ObjectRow) -> Governed:
        """The dataset of this row with its policy."""
        dataset = self._datasets.of(row, dataset_of)
        expects = (Expectation(row.ref, row.revision),)
        if dataset.policy_id is None:
            return Governed(row, dataset, None, expects)
        ref = policy_ref(row.organisation, dataset.policy_id)
        policy = reads.object(ref)
        return Governed(row, dataset, self._in_force(policy), (*expects, _as_found(ref, policy)))

    def judge(self, governed: Governed, request: AccessRequest, *, own: bool) -> Verdict:
        """What the dataset's policy says of the request; `own` is whether the holder asks for its own data.

        Data that no policy governs is closed to everyone but its holder.
        """
        if governed.policy is None and own:
            return Verdict(Outcome.PERMIT, None, None, contract=Contract(), chosen={}, narrowed_by={})
        return decide(governed.layers, request, self._purposes)

    def _in_force(self, row: ObjectRow | None) -> InForce | None:
        return None if row is None else self._policies.of(row, _parse_policy)


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


def _parse_policy(row: ObjectRow) -> InForce:
    stored = policy_of(row)
    return InForce(Layer(LayerKind.DATASET, stored.id, stored.version, load(stored.document)), stored.hash)


def _as_found(ref: ObjectRef, row: ObjectRow | None) -> Expectation:
    return Expectation(ref, row.revision if row else 0)
