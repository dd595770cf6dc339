"""The first half of the story: data is offered, asked for, delivered under rules, and taken back."""

import json
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from xase.cli.demo.cast import ENGINEER, HOLDER, LAB, Cast
from xase.cli.demo.model import MODEL_ID, Cases, Triage
from xase.cli.demo.scene import Scene
from xase.cli.demo.stage import Stage

if TYPE_CHECKING:
    from xase import Session
    from xase.models import ApprovalRequest

DATASET: Final = "tumour-biopsies"
POLICY_ID: Final = "policy_tumour_research"
POLICY: Final[Mapping[str, Any]] = {
    "id": POLICY_ID,
    "name": "Tumour research",
    "rules": [
        {
            "id": "train",
            "effect": "permit",
            "when": {
                "purpose": ["model-training"],
                "organisations": [LAB],
                "max_duration": "30d",
                "approvals": {"roles": ["data_holder"]},
            },
            "constrain": {"transforms": {"patient_id": {"op": "hash"}}, "max_records": 1_000_000},
        },
        {"id": "never", "effect": "forbid", "when": {"purpose": ["marketing", "reidentification"]}},
    ],
}
_BATCH: Final = 64
_LOOK: Final = 0.05
_PATIENCE: Final = 60.0


def offer(scene: Scene, stage: Stage, cast: Cast, cases: Cases) -> None:
    """The hospital registers its data and the policy that governs it."""
    why = "Real measurements of real tumours; the patient ids are added. Without a policy nobody else would see it."
    with scene.step("The hospital offers a dataset", why):
        scene.fact("acts", HOLDER)
        file = stage.folder / "biopsies.ndjson"
        file.write_text("".join(f"{json.dumps(row)}\n" for row in cases.known))
        cast.holder.policies.create(POLICY)
        dataset = cast.holder.datasets.register(
            name=DATASET,
            file=file,
            id_field="record_id",
            subject_field="patient_id",
            fields={"patient_id": {"class": "identifier"}, "diagnosis": {"class": "sensitive"}},
            policy_id=POLICY_ID,
            progress=lambda *_: None,
        )
        scene.fact("dataset", f"{DATASET}, version {dataset.version}, {dataset.rows} data records")
        scene.fact("policy", "model-training by this lab: yes, for 30 days, once a person agrees")
        scene.fact("", "patient ids hashed; marketing: never")


def deny(scene: Scene, cast: Cast) -> None:
    """The lab asks for a purpose that is forbidden."""
    from xase import PolicyViolation

    with scene.step("The lab asks for the wrong purpose", "A denial is an entry of the ledger, too."):
        scene.fact("acts", ENGINEER)
        scene.code(f'client.access(dataset="{DATASET}", purpose="marketing")')
        try:
            cast.lab.access(dataset=DATASET, purpose="marketing")
        except PolicyViolation as refusal:
            scene.fact("refused", f"{refusal.status} {refusal.slug}", style="bold red")
            for violation in refusal.details["violations"]:
                scene.fact("reason", f"{violation['rule']}: {violation['message']}")


def ask(scene: Scene, cast: Cast) -> "Session":
    """The lab asks for what the policy permits once a person agrees, and waits until one does; the session."""
    why = "The call waits; the request is in the hospital's inbox. Request, vote and session are entries of the ledger."
    with scene.step("It asks again, and a person at the hospital approves", why), ThreadPoolExecutor(1) as laboratory:
        scene.fact("acts", ENGINEER)
        scene.code(f'session = client.access(dataset="{DATASET}", purpose="model-training", duration="7d", wait=True)')
        wish: dict[str, Any] = {"dataset": DATASET, "purpose": "model-training", "duration": "7d", "model_id": MODEL_ID}
        asked = laboratory.submit(cast.lab.access, **wish, wait=_PATIENCE, progress=False)
        _approve(scene, cast, asked)
        session = asked.result()
        scene.fact("the lab has", f"{session.id}, until {session.expires_at}")
        terms = {name: value for name, value in session.obligations.to_dict().items() if value}
        for name, value in terms.items():
            scene.fact("obligation", f"{name}: {json.dumps(value)}")
    return session


def _approve(scene: Scene, cast: Cast, asked: "Future[Session]") -> None:
    """What the hospital does meanwhile: look into the inbox, and agree."""
    inbox: list[ApprovalRequest] = []
    while not inbox and not asked.done():
        time.sleep(_LOOK)
        inbox = list(cast.holder.approvals.list(status="PENDING"))
    for request in inbox:
        scene.fact("acts", HOLDER)
        scene.code('client.approvals.list(status="PENDING")')
        scene.fact("in the inbox", f"{request.id}: {request.requested_by}, {request.purpose}, for {request.duration}")
        scene.code(f'client.approvals.approve("{request.id}", reason="The ethics board agreed")')
        vote = cast.holder.approvals.approve(request.id, reason="The ethics board agreed").votes[-1]
        scene.fact("vote", f"{vote.evidence_id}: {vote.vote}, in the ledger")


def train(scene: Scene, session: "Session") -> Triage:
    """A classifier, trained on what was streamed; each batch is reported back."""
    why = "Each batch is in the ledger before its first byte is sent. What the lab says it did is compared with that."
    with scene.step("It streams batches, and trains", why):
        scene.code(f"for batch in session.stream(batch_size={_BATCH}): ...")
        batches = list(session.stream(batch_size=_BATCH, progress=False))
        rows = [row for batch in batches for row in batch.to_dicts()]
        model = Triage.train(rows)
        scene.fact("delivered", f"{len(rows)} data records in {len(batches)} batches")
        scene.fact("patient_id", f"{rows[0]['patient_id'][:20]}…: a hash that no other grant shares")
        done = session.record_operation(
            operation_type="TRAIN",
            batch_ids=[batch.batch_id for batch in batches],
            metadata={"model_id": MODEL_ID, "model_hash": model.digest},
        )
        scene.fact("operation", f"{done.operation_id}: TRAIN on {len(batches)} batches, {_told(done.reconciliation)}")
    return model


def _told(reconciliation: Any) -> str:
    return reconciliation if isinstance(reconciliation, str) else json.dumps(reconciliation.to_dict())


def withdraw(scene: Scene, cast: Cast, cases: Cases, session: "Session") -> str:
    """A patient takes consent back while the lab is in the middle of its next pass; who it was."""
    why = "The lab is in its second pass. From the next request on, every session is without that person."
    with scene.step("A patient withdraws consent", why):
        person = str(cases.known[-1]["patient_id"])
        first = _first_batch(session)
        scene.fact("acts", f"{HOLDER}, for {person}")
        scene.code(f'client.datasets.withdraw("{DATASET}", subject="{person}")')
        said = cast.holder.datasets.withdraw(DATASET, subject=person, reason="Asked for by the patient")
        names = [each.model_id for each in said.models or ()]
        scene.fact("had gone to", f"{len(said.sessions or ())} session, model {', '.join(names)}")
        rest = [name for batch in session.stream(cursor=first, progress=False) for name in batch.record_ids]
        gone = str(cases.known[-1]["record_id"])
        where = "still there" if gone in rest else "not among them"
        scene.fact("next batches", f"{_BATCH + len(rest)} data records in this pass, {gone} is {where}")
    return person


def _first_batch(session: "Session") -> str | None:
    with session.stream(batch_size=_BATCH, progress=False) as stream:
        next(stream)
        return stream.cursor


def revoke(scene: Scene, cast: Cast, session: "Session") -> None:
    """The hospital ends the session while the lab streams."""
    from xase import AccessRevoked

    why = "Deliveries and revocations are entries of one ordered log: anyone can check that none follows the other."
    with scene.step("The hospital revokes, in the middle of a stream", why):
        scene.fact("acts", HOLDER)
        received = 0
        try:
            for epoch in count():
                for batch in session.stream(batch_size=_BATCH, order="shuffle", seed=1, epoch=epoch, progress=False):
                    received += len(batch)
                    if received == _BATCH:
                        cast.holder.sessions.revoke(session.id, reason="The study was stopped")
        except AccessRevoked as end:
            scene.fact("the lab sees", f"{end.status} {end.slug}, after {received} data records", style="bold red")
        last = [event.type for event in session.events()][-1]
        scene.fact("last entry", last)
