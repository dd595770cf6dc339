"""Which datasets and chains an organisation may know of; what it may not answers as what does not exist.

A holder sees all of its own. Others see a dataset while the policy in force, and each guardrail of its
holder, has a rule that could permit them, whatever else that rule asks for, and none shuts them out; and
the chains of sessions that they are party to.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from xase_server.domain.datasets import ARCHIVED, DATASET, dataset_ref
from xase_server.domain.decisions import Page
from xase_server.domain.entries import admin_stream, decisions_stream, session_stream
from xase_server.domain.errors import Refused, not_found
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.policies import policy_ref
from xase_server.domain.sessions import session_ref
from xase_server.policy.contract import Contract, terms_of
from xase_server.policy.load import load
from xase_server.policy.model import Policy, Rule, When
from xase_server.ports import Reads
from xase_server.services.documents import dataset_of, policy_of
from xase_server.services.guarding import find_guard

_PIECE = 500
_SESSIONS: Final = session_stream("")


def may_see_dataset(reads: Reads, organisation: str, row: ObjectRow) -> bool:
    """Whether the dataset of this row exists for the organisation."""
    return row.organisation == organisation or all(offered_terms(reads, organisation, row))


def offered_terms(reads: Reads, organisation: str, row: ObjectRow) -> list[list[Contract]]:
    """For each layer the terms of every rule that could permit the organisation something.

    A layer without any shuts it out, and so does having no policy. A guardrail that only forbids lets through
    what it does not forbid.
    """
    policy = policy_governing(reads, row)
    if policy is None:
        return [[]]
    guards = find_guard(reads, row.organisation).policies
    return [_offered(policy, organisation), *(_let_through(each, organisation) for each in guards)]


def policy_governing(reads: Reads, row: ObjectRow) -> Policy | None:
    """The policy in force on the dataset of this row."""
    policy_id = dataset_of(row).policy_id
    found = None if policy_id is None else reads.object(policy_ref(row.organisation, policy_id))
    return None if found is None else load(policy_of(found).document)


def _offered(policy: Policy, organisation: str) -> list[Contract]:
    if any(_shuts_out(rule, organisation) for rule in policy.rules):
        return []
    inviting = (rule for rule in policy.rules if _invites(rule, organisation))
    return [terms_of(rule.constrain, actions=None, max_duration=None) for rule in inviting]


def _let_through(guardrail: Policy, organisation: str) -> list[Contract]:
    if any(rule.effect == "permit" or _shuts_out(rule, organisation) for rule in guardrail.rules):
        return _offered(guardrail, organisation)
    return [Contract()]


def find_dataset(reads: Reads, organisation: str, name: str) -> ObjectRow:
    """The dataset with this id or name that the organisation may see; its own before others'.

    Raises Refused: `not_found`, or `conflict` for a name that several other holders use.
    """
    row = reads.object(dataset_ref(name))
    if row is not None and may_see_dataset(reads, organisation, row):
        return row
    named = [each for each in every_dataset(reads, name=name) if may_see_dataset(reads, organisation, each)]
    own = [each for each in named if each.organisation == organisation]
    if len(own or named) > 1:
        raise Refused("conflict", "Several datasets have this name; use an id", {"resource": "dataset", "id": name})
    for found in own or named:
        return found
    raise not_found("dataset", name)


def find_own_dataset(reads: Reads, organisation: str, name: str) -> ObjectRow:
    """The organisation's own dataset with this id or name; raises `not_found`, for others' datasets as well."""
    row = reads.object(dataset_ref(name))
    if row is None or row.organisation != organisation:
        row = next(every_dataset(reads, name=name, owner=organisation), None)
    if row is None:
        raise not_found("dataset", name)
    return row


def every_dataset(
    reads: Reads, *, name: str | None = None, owner: str | None = None, parent: str | None = None
) -> Iterator[ObjectRow]:
    """The rows of all datasets, of this name, owner or policy where given, in the order of their registration."""
    yield from every_object(reads, ObjectQuery(kind=DATASET, name=name, owner=owner, parent=parent))


def guarded_datasets(reads: Reads, organisation: str) -> Iterator[ObjectRow]:
    """The datasets that guardrails must fit: an archived one takes no session."""
    return (row for row in every_dataset(reads, owner=organisation) if row.status != ARCHIVED)


def every_object(reads: Reads, query: ObjectQuery) -> Iterator[ObjectRow]:
    """All rows of a list, oldest first."""
    after: int | None = None
    while True:
        page = reads.objects(query, Page(_PIECE, 0, after, descending=False))
        yield from page.rows
        after = page.next_after
        if after is None:
            return


class OwnStreams:
    """Tells the chains that an organisation reads from others', as one view of the store shows them."""

    def __init__(self, reads: Reads, organisation: str) -> None:
        self._reads = reads
        self._organisation = organisation
        self._known: dict[str, bool] = {admin_stream(organisation): True, decisions_stream(organisation): True}

    def has(self, stream: str) -> bool:
        """Whether the chain is the organisation's, or of a session that it is party to."""
        if stream not in self._known:
            self._known[stream] = self._is_party(stream)
        return self._known[stream]

    def _is_party(self, stream: str) -> bool:
        if not stream.startswith(_SESSIONS):
            return False
        row = self._reads.object(session_ref(stream.removeprefix(_SESSIONS)))
        return row is not None and row.concerns(self._organisation)


def _invites(rule: Rule, organisation: str) -> bool:
    named = rule.when.organisations
    return rule.effect == "permit" and (named is None or organisation in named)


def _shuts_out(rule: Rule, organisation: str) -> bool:
    """Whether it is a prohibition that holds for the organisation whatever it asks."""
    named = rule.when.organisations
    is_whole = rule.effect == "forbid" and replace(rule.when, organisations=None) == When()
    return is_whole and (named is None or organisation in named)
