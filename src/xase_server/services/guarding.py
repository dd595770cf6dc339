"""The guardrails of an organisation, as one view of the store shows them."""

from dataclasses import dataclass

from xase_server.domain.guardrails import StoredGuardrails, guardrails_ref
from xase_server.domain.objects import Expectation, ObjectRow
from xase_server.domain.policies import policy_ref
from xase_server.policy.load import load
from xase_server.policy.model import Policy
from xase_server.ports import Reads
from xase_server.services.documents import guardrails_of, policy_of


@dataclass(frozen=True, slots=True)
class Guard:
    """What guards all datasets of an organisation.

    `stored` is None where none were ever set; `rows` are the policies in force. What is decided on
    them holds for as long as `expects` does.
    """

    stored: StoredGuardrails | None
    rows: tuple[ObjectRow, ...]
    expects: tuple[Expectation, ...]

    @property
    def policies(self) -> tuple[Policy, ...]:
        """What the policies say."""
        return tuple(load(policy_of(row).document) for row in self.rows)


def find_guard(reads: Reads, organisation: str) -> Guard:
    """The organisation's guardrails in force."""
    ref = guardrails_ref(organisation)
    row = reads.object(ref)
    if row is None:
        return Guard(None, (), (Expectation(ref, 0),))
    stored = guardrails_of(row)
    rows = tuple(_in_force(reads, organisation, policy_id) for policy_id in stored.policy_ids)
    return Guard(stored, rows, tuple(Expectation(each.ref, each.revision) for each in (row, *rows)))


def _in_force(reads: Reads, organisation: str, policy_id: str) -> ObjectRow:
    row = reads.object(policy_ref(organisation, policy_id))
    assert row is not None, "policies change, they are never removed"
    return row
