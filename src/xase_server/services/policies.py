"""Policies: made, changed by new versions, asked what they would say (docs/spec/api.md, section 4)."""

import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET

from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import Page
from xase_server.domain.entries import ObjectsChanged, Replayed, Unit, admin_stream
from xase_server.domain.errors import Problems, Refused, invalid_field, not_found
from xase_server.domain.ids import new_id
from xase_server.domain.objects import Expectation, ObjectQuery, ObjectRow
from xase_server.domain.policies import (
    IN_FORCE,
    POLICY,
    POLICY_VERSION,
    StoredPolicy,
    policy_ref,
    policy_version_ref,
)
from xase_server.domain.principals import Principal
from xase_server.domain.simulations import Simulation
from xase_server.domain.times import parse_duration
from xase_server.ledger.append import Ledger
from xase_server.policy.decide import AccessRequest, Approval, LayerKind
from xase_server.policy.load import load
from xase_server.policy.model import Policy
from xase_server.policy.privacy import privacy_of
from xase_server.ports import Reads
from xase_server.services.anew import until_it_stands
from xase_server.services.documents import document_of, policy_of
from xase_server.services.fitting import fitted
from xase_server.services.governance import Governance, as_layer
from xase_server.services.guarding import Guard, find_guard
from xase_server.services.impact import Impact
from xase_server.services.outcome import Once, Outcome, Remembered, made_before, recall, remember, remembered
from xase_server.services.policy_views import policy_view, purposes_view, verdict_view
from xase_server.services.private_aggregation import NO_NOISE
from xase_server.services.reading import Reader
from xase_server.services.sealing import make_append
from xase_server.services.views import View
from xase_server.services.visibility import every_dataset, guarded_datasets

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST_MS: Final = 100 * 366 * 86_400_000

Document = dict[str, Any]
Listed = tuple[Sequence[View], int, int | None]


class Policies:
    """The use cases around the policies of the caller's organisation; `noise` is whether there can be any here."""

    def __init__(self, ledger: Ledger, reader: Reader, clock: Clock, governance: Governance, *, noise: bool) -> None:
        self._ledger = ledger
        self._reader = reader
        self._clock = clock
        self._governance = governance
        self._noise = noise
        self._impact = Impact(reader, clock, governance)

    async def create(self, who: Principal, document: Document, once: Once | None) -> Outcome:
        """Version 1 of the policy, in force for the datasets that will name it.

        Raises Refused: `validation_error` naming what is wrong with the document, `conflict` for an id in use.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return await self._again(who, earlier)
        policy = self._load(document)
        if policy.id is not None and not _ID.fullmatch(policy.id):
            raise invalid_field("id", "Must be 1 to 128 letters, digits, dots, dashes or underscores")
        stored = self._store(document, policy.id or new_id("pol"), 1)

        async def attempt() -> Outcome:
            ref = policy_ref(who.organisation, stored.id)
            if await self._reader.point(lambda reads: reads.object(ref)) is not None:
                if (same := await recall(self._reader, once)) is not None:  # answered by another server meanwhile
                    return await self._again(who, same)
                raise Refused(
                    "conflict", "Another policy has this id", {"field": "id", "resource": "policy", "id": stored.id}
                )
            return await self._append(who, stored, None, (), once)

        return await until_it_stands(attempt)

    async def put(self, who: Principal, policy_id: str, document: Document, once: Once | None) -> Outcome:
        """The policy's next version, in force from now on; a document that says the same changes nothing.

        Raises Refused: `validation_error` when it names another id, or does not fit a dataset that it governs.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return await self._again(who, earlier)
        policy = self._load(document)
        if policy.id not in {None, policy_id}:
            raise invalid_field("id", "Must be the id in the address, or left out")
        return await until_it_stands(lambda: self._put(who, policy_id, document, policy, once))

    async def _put(
        self, who: Principal, policy_id: str, document: Document, policy: Policy, once: Once | None
    ) -> Outcome:
        def work(reads: Reads) -> tuple[ObjectRow, tuple[Expectation, ...]]:
            return find_policy_row(reads, who, policy_id), _fitted(reads, who, policy_id, policy)

        row, expects = await self._reader.scan(work)
        stored = self._store(document, policy_id, row.revision + 1)
        if stored.hash == policy_of(row).hash:
            return Outcome(policy_view(policy_of(row)))
        return await self._append(who, stored, row, expects, once)

    def _load(self, document: Document) -> Policy:
        """The policy, refused as `load` does, and where it asks for noise that this server does not have."""
        policy, problems = load(document), Problems()
        for number, rule in enumerate(policy.rules):
            if privacy_of(rule.constrain) is not None and not self._noise:
                problems.add(f"rules.{number}.constrain.epsilon_total", NO_NOISE)
        problems.refuse_if_any("Invalid policy")
        return policy

    def _store(self, document: Document, policy_id: str, version: int) -> StoredPolicy:
        digest = sha256_digest(canonical(document))
        return StoredPolicy(
            id=policy_id, version=version, document=document, hash=digest, created_ms=self._clock.now_ms()
        )

    async def _append(
        self,
        who: Principal,
        stored: StoredPolicy,
        before: ObjectRow | None,
        expects: tuple[Expectation, ...],
        once: Once | None,
    ) -> Outcome:
        append = make_append(
            identifier=new_id("evt"),
            type="policy_version",
            stream=admin_stream(who.organisation),
            principal=who,
            body={"policy_id": stored.id, "version": stored.version, "hash": stored.hash},
            parts={"document": stored.document, "principal": who.email},
            effect=ObjectsChanged(_rows(who.organisation, stored, before)),
        )
        claim = remember(once, Remembered(ids=[stored.id, str(stored.version)]))
        # COMMIT POINT: after it every request is decided by this version.
        committed = await self._ledger.append(Unit((append,), claim, expects))
        if isinstance(committed, Replayed):  # another server has answered the same request
            return await self._again(who, remembered(committed))
        return Outcome(policy_view(stored))

    async def _again(self, who: Principal, earlier: Remembered) -> Outcome:
        policy_id, version = made_before(earlier)
        return Outcome(await self.get_version(who, policy_id, int(version)), replayed=True)

    async def get(self, who: Principal, policy_id: str) -> View:
        """The version in force."""
        return policy_view(policy_of(await self._row(who, policy_id)))

    async def get_version(self, who: Principal, policy_id: str, version: int) -> View:
        """One version."""
        ref = policy_version_ref(who.organisation, policy_id, version)
        row = await self._reader.point(lambda reads: reads.object(ref))
        if row is None:
            raise not_found("policy version", str(version))
        return policy_view(policy_of(row))

    async def list(self, who: Principal, page: Page) -> Listed:
        """A page of the organisation's policies in force, the total, and where the next page begins."""
        return await self._listed(ObjectQuery(kind=POLICY, owner=who.organisation), page)

    async def versions(self, who: Principal, policy_id: str, page: Page) -> Listed:
        """A page of the policy's versions, the total, and where the next page begins."""
        row = await self._row(who, policy_id)
        return await self._listed(ObjectQuery(kind=POLICY_VERSION, parent=row.id), page)

    async def simulate(self, who: Principal, policy_id: str, wish: Simulation) -> View:
        """The verdict on a hypothetical request to a dataset under this policy and the guardrails. Stores nothing.

        A policy that is a guardrail is asked as one: nothing but guardrails has a say.
        """

        def work(reads: Reads) -> tuple[ObjectRow, Guard]:
            return find_policy_row(reads, who, policy_id), find_guard(reads, who.organisation)

        row, guard = await self._reader.point(work)
        layers = tuple(as_layer(LayerKind.GUARDRAIL, each) for each in guard.rows)
        is_guardrail = any(each.policy_id == policy_id for each in layers)
        own = () if is_guardrail else (as_layer(LayerKind.DATASET, row),)
        verdict = self._governance.decide((*layers, *own), self._request(wish), own=is_guardrail)
        return verdict_view(policy_of(row), verdict)

    async def impact(self, who: Principal, policy_id: str, document: Document) -> View:
        """The open sessions that the document as the policy's next version would cut or narrow. Stores nothing.

        Raises Refused as `put` does.
        """
        policy = self._load(document)

        def work(reads: Reads) -> None:
            find_policy_row(reads, who, policy_id)
            _fitted(reads, who, policy_id, policy)

        await self._reader.scan(work)
        return await self._impact.of_policy(who, policy_id, policy)

    def purposes(self) -> View:
        """The tree of purposes that rules and requests speak of."""
        return purposes_view(self._governance.purposes)

    async def _row(self, who: Principal, policy_id: str) -> ObjectRow:
        return await self._reader.point(lambda reads: find_policy_row(reads, who, policy_id))

    async def _listed(self, wanted: ObjectQuery, page: Page) -> Listed:
        found = await self._reader.scan(lambda reads: reads.objects(wanted, page))
        return [policy_view(policy_of(row)) for row in found.rows], found.total, found.next_after

    def _request(self, wish: Simulation) -> AccessRequest:
        now_ms = self._clock.now_ms()
        duration_ms = parse_duration(wish.duration, "duration", maximum_ms=_LONGEST_MS) if wish.duration else None
        agreed = () if wish.approvals is UNSET else wish.approvals
        return AccessRequest(
            organisation=wish.organisation or "",
            principal="",
            role=wish.role or None,
            purpose=wish.purpose,
            now_ms=now_ms,
            duration_ms=duration_ms,
            model_id=wish.model_id or None,
            jurisdiction=wish.jurisdiction or None,
            approvals=tuple(Approval(each.approver, each.role, now_ms + 1) for each in agreed),
        )


def find_policy_row(reads: Reads, who: Principal, policy_id: str) -> ObjectRow:
    """The caller's policy in force; raises `not_found`."""
    row = reads.object(policy_ref(who.organisation, policy_id))
    if row is None:
        raise not_found("policy", policy_id)
    return row


def _fitted(reads: Reads, who: Principal, policy_id: str, policy: Policy) -> tuple[Expectation, ...]:
    """That the datasets which the policy governs, all of them where it is a guardrail, stay as they fit it.

    Raises `validation_error` naming the datasets that it does not fit.
    """
    guard = find_guard(reads, who.organisation)
    governed = every_dataset(reads, parent=policy_ref(who.organisation, policy_id).id)
    expects = (guard.expects[0], *fitted(reads, (policy,), governed))
    if guard.stored is not None and policy_id in guard.stored.policy_ids:
        expects = (*expects, *fitted(reads, (policy,), guarded_datasets(reads, who.organisation), guards=True))
    return tuple(dict.fromkeys(expects))


def _rows(organisation: str, stored: StoredPolicy, before: ObjectRow | None) -> tuple[ObjectRow, ObjectRow]:
    """The version in force, and the version itself, which stays."""
    ref = policy_ref(organisation, stored.id)
    version_ref = policy_version_ref(organisation, stored.id, stored.version)
    document = document_of(stored)
    in_force = ObjectRow(
        kind=ref.kind,
        id=ref.id,
        organisation=organisation,
        revision=stored.version,
        document=document,
        created_ms=before.created_ms if before else stored.created_ms,
        status=IN_FORCE,
    )
    version = ObjectRow(
        kind=version_ref.kind,
        id=version_ref.id,
        organisation=organisation,
        revision=1,
        document=document,
        created_ms=stored.created_ms,
        status=IN_FORCE,
        parent=ref.id,
    )
    return in_force, version
