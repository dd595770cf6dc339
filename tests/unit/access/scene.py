"""A holder with a dataset and a policy, and a lab: appended as the use cases append them, on any store."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import structs
from msgspec.json import decode, encode

from tests.contract.logs import START_MS, Log
from tests.contract.records import make_append, next_id
from xase_server.domain.datasets import DATASET, READY, VERSION, Dataset, Version, version_ref
from xase_server.domain.entries import ObjectsChanged, Unit, Used, session_stream
from xase_server.domain.objects import ObjectRow
from xase_server.domain.policies import IN_FORCE, POLICY, StoredPolicy, policy_ref
from xase_server.domain.principals import ROLES, Principal
from xase_server.domain.sessions import ACTIVE, SESSION, Asked, NewAccess, Session, session_ref
from xase_server.policy.contract import Contract
from xase_server.services.access import Access
from xase_server.services.closing import Closing
from xase_server.services.governance import Governance
from xase_server.services.grants import Gate, Grant
from xase_server.services.outcome import Once
from xase_server.services.reading import Reader
from xase_server.services.sessions import Sessions

T = TypeVar("T")

HOLDER = Principal("org_hospital", "key_holder", "data_admin@hospital.org", "data_holder", ROLES["data_holder"])
LAB = Principal("org_lab", "key_lab", "scientist@lab.example", "ai_lab", ROLES["ai_lab"])
STRANGER = Principal("org_other", "key_other", "who@other.example", "admin", ROLES["admin"])
DAY_MS = 86_400_000
DATASET_ID = "ds_00000000000000aa"
SCHEMA = tuple({"name": name, "type": "int"} for name in ("age", "hidden_a", "hidden_b", "hidden_c"))
OPEN = {"name": "Open", "rules": [{"id": "all", "effect": "permit"}]}


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@dataclass
class Scene:
    """The store's log, and the gate over it."""

    log: Log
    governance: Governance = field(default_factory=Governance)

    def __post_init__(self) -> None:
        self.reader = Reader(self.log.storage)
        clock = self.log.clock
        self.gate = Gate(self.reader, clock, self.governance)
        self.access = Access(self.log.ledger, self.reader, clock, self.governance)
        self.closing = Closing(self.log.ledger, self.reader, clock)
        self.sessions = Sessions(self.reader, clock)

    def object(self, ref) -> ObjectRow | None:
        return self.log.read(lambda reads: reads.object(ref))

    def put(self, row: ObjectRow) -> None:
        """Store the object as the next revision of what there is."""
        before = self.object(row.ref)
        after = structs.replace(row, revision=before.revision + 1 if before else 1)
        self.log.append(make_append(effect=ObjectsChanged((after,)), organisation=row.organisation))

    def dataset(self, *, identifier: str = DATASET_ID, status: str = READY, **fields: Any) -> None:
        known = {"name": "medical-records-2024", "policy_id": "pol_1", "version": 1}
        dataset = Dataset(**(known | fields))
        self.put(
            ObjectRow(
                kind=DATASET,
                id=identifier,
                organisation=HOLDER.organisation,
                revision=1,
                document=encode(dataset),
                created_ms=START_MS,
                status=status,
                name=dataset.name,
            )
        )
        if self.object(version_ref(identifier, 1)) is None:
            version = Version(
                dataset_id=identifier,
                number=1,
                rows=9,
                bytes=99,
                digest=f"sha256:{'5' * 64}",
                mode="replace",
                schema=SCHEMA,
            )
            self.put(
                ObjectRow(
                    kind=VERSION,
                    id=version_ref(identifier, 1).id,
                    organisation=HOLDER.organisation,
                    revision=1,
                    document=encode(version),
                    created_ms=START_MS,
                    status=READY,
                    parent=identifier,
                )
            )

    def policy(self, document: dict[str, Any] = OPEN, policy_id: str = "pol_1") -> int:
        """Put the next version of the policy in force; gives its number."""
        ref = policy_ref(HOLDER.organisation, policy_id)
        before = self.object(ref)
        number = decode(before.document, type=StoredPolicy).version + 1 if before else 1
        stored = StoredPolicy(
            id=policy_id, version=number, document=document, hash=f"sha256:{number:064x}", created_ms=START_MS
        )
        self.put(
            ObjectRow(
                kind=POLICY,
                id=ref.id,
                organisation=HOLDER.organisation,
                revision=1,
                document=encode(stored),
                created_ms=START_MS,
                status=IN_FORCE,
            )
        )
        return number

    def session(self, contract: Contract | None = None, *, who: Principal = LAB, **fields: Any) -> str:
        """Open a session without asking anybody; gives its id."""
        identifier = next_id("sess")
        contract = contract or Contract()
        known = {
            "dataset_id": DATASET_ID,
            "dataset": "medical-records-2024",
            "version": 1,
            "holder": HOLDER.organisation,
            "asked": Asked(organisation=who.organisation, role=who.role, purpose="model-training", model_id="m-1"),
            "contract": contract.to_dict(),
            "contract_hash": contract.hash,
            "verdict": next_id("vrd"),
            "expires_ms": self.log.clock.ms + 30 * DAY_MS,
            "key_id": who.key_id,
            "policy_id": "pol_1",
            "policy_version": 1,
        }
        session = Session(**(known | fields))
        self.put(
            ObjectRow(
                kind=SESSION,
                id=identifier,
                organisation=who.organisation,
                partner=HOLDER.organisation if who is not HOLDER else None,
                parent=session.dataset_id,
                revision=1,
                document=encode(session),
                created_ms=self.log.clock.ms,
                status=ACTIVE,
                ends_ms=session.expires_ms,
            )
        )
        return identifier

    def ask(self, who: Principal = LAB, once: Once | None = None, **fields: Any) -> dict[str, Any]:
        """What a request for access is answered."""
        wish = NewAccess(**({"dataset_id": DATASET_ID, "purpose": "model-training"} | fields))
        view: dict[str, Any] = run(self.access.request(who, wish, once)).body
        return view

    def entries(self, *types: str) -> list[dict[str, Any]]:
        """The log's entries of these types, in order."""
        found = [decode(raw) for raw in self.log.read(lambda reads: reads.entries(0, 100_000))]
        return [each for each in found if each["type"] in types]

    def readable(self, who: Principal, identifier: str) -> Any:
        """The entry and its parts, where they are the caller's to read."""
        return self.log.read(lambda reads: reads.entry(who.organisation, identifier))

    def parts(self, identifier: str) -> dict[str, Any]:
        """The parts of an entry, opened."""
        _, _, parts = self.log.read(lambda reads: reads.any_entry(identifier))
        return {name: decode(part.canonical) for name, part in parts.items()}

    def end(self, session_id: str, status: str, **parts: str) -> None:
        """End a session without asking anybody."""
        before = self.object(session_ref(session_id))
        assert before is not None
        entry = next_id("evt")
        after = structs.replace(
            before,
            revision=before.revision + 1,
            status=status,
            document=encode(structs.replace(decode(before.document, type=Session), ending=entry)),
        )
        self.log.append(make_append(identifier=entry, effect=ObjectsChanged((after,)), parts=parts))

    def admit(self, session_id: str, action: str = "stream", who: Principal = LAB) -> Grant:
        return run(self.gate.admit(who, session_id, action))


def release(grant: Grant, **used: int) -> Unit:
    """What the data plane appends before data leaves."""
    append = make_append(
        type="release",
        organisation=grant.who.organisation,
        stream=session_stream(grant.session_id),
        effect=Used(grant.session_id, accounts=grant.accounts.shared, rates=grant.rates, **used),
    )
    return Unit((append,), expects=grant.expects, until_ms=grant.until_ms, within=grant.within)
