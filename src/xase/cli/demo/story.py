"""The second half of the story: a model decides, a person disagrees, and a stranger checks the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zipfile import ZipFile

from xase.cli.demo.access import DATASET
from xase.cli.demo.cast import AUDITOR, AUDITOR_KEY, HOLDER, REVIEWER
from xase.cli.demo.forgery import overstate
from xase.cli.demo.model import MODEL_ID, MODEL_VERSION, Cases, Decision, Triage
from xase.cli.demo.scene import Scene
from xase.cli.demo.stage import Stage
from xase.cli.exits import ExitCode, Stop

if TYPE_CHECKING:
    from xase import Client
    from xase.models import DecisionRecord, Intervention

POLICY: Final = "second-look-below-0.80"
UNSURE: Final = 0.80
BUNDLE: Final = "bundle.zip"
SESSION_BUNDLE: Final = "session.zip"
FORGED: Final = "forged.zip"
KEYS: Final = "keys.json"
PEM_KEYS: Final = ("document-key.pem", "log-key.pem")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A decision that a person looked at again, with its record and what the person did."""

    decision: Decision
    record: "DecisionRecord"
    intervention: "Intervention"


def enter(scene: Scene, stage: Stage) -> None:
    """A server, ready."""
    why = "One folder holds everything: database, keys, and a head that is kept outside the database."
    with scene.step("Start a server", why):
        stage.wait_until_ready()
        scene.fact("home", str(stage.home))
        scene.fact("listens on", stage.address)


def record(scene: Scene, client: "Client", model: Triage, cases: Cases) -> list[tuple[Decision, "DecisionRecord"]]:
    """Every decision of the model on its unseen cases, recorded through the SDK."""
    why = "Each answer means: on disk, linked to the record before it, in the Merkle tree, under a signed checkpoint."
    with scene.step("The hospital uses the model, and records what it decides", why):
        recorded = []
        with scene.counting("recording", len(cases.unseen)) as done:
            for decision in model.decisions(cases.unseen):
                recorded.append((decision, _create(client, decision, model.digest)))
                done()
        right = sum(decision.right for decision, _ in recorded)
        _, last = recorded[-1]
        scene.fact("accuracy", f"{right / len(recorded):.1%} of patients whom the model has not seen")
        scene.fact("acts", HOLDER)
        scene.fact("records", f"{len(recorded)}, each with confidence and the share of every measurement in it")
        scene.fact("the last", last.id)
        scene.fact("  hash", last.hash)
        scene.fact("  previous", last.previous_hash)
    return recorded


def _create(client: "Client", decision: Decision, model_hash: str) -> "DecisionRecord":
    return client.records.create(
        model_id=MODEL_ID,
        model_version=MODEL_VERSION,
        model_hash=model_hash,
        transaction_id=decision.case,
        policy_id=POLICY,
        input=decision.input,
        output={"diagnosis": decision.diagnosis},
        confidence=decision.confidence,
        explanation=decision.explanation,
    )


def review(scene: Scene, client: "Client", recorded: Sequence[tuple[Decision, "DecisionRecord"]]) -> list[Reviewed]:
    """A person with a key of their own looks where the model was unsure or wrong; `client` is theirs."""
    why = "The record is never rewritten: what a person does is a signed entry of its own that points at it."
    with scene.step("A doctor has the last word", why):
        doubtful = [pair for pair in recorded if pair[0].confidence < UNSURE or not pair[0].right]
        reviewed = [Reviewed(decision, made, _judge(client, decision, made)) for decision, made in doubtful]
        scene.fact("reviewer", f"{REVIEWER}, role reviewer: may intervene, may not record")
        rows = [
            (
                each.decision.case,
                each.record.id,
                f"{each.decision.confidence:.2f}",
                each.decision.diagnosis,
                each.intervention.action,
                each.decision.truth,
            )
            for each in reviewed
        ]
        scene.table(("case", "record", "sure", "the model", "the person", "biopsy"), rows)
    return reviewed


def _judge(client: "Client", decision: Decision, made: "DecisionRecord") -> "Intervention":
    if decision.right:
        return client.records.intervene(made.id, action="APPROVED", reason="The biopsy agrees with the model")
    return client.records.intervene(
        made.id,
        action="OVERRIDE",
        reason=f"The biopsy says {decision.truth}",
        new_outcome={"diagnosis": decision.truth},
    )


def export(scene: Scene, stage: Stage) -> None:
    """The evidence bundle, and the public keys it is checked with."""
    with scene.step("The auditor exports the evidence", "One zip file, for somebody who trusts nobody here."):
        scene.fact("acts", AUDITOR)
        whose = ("--base-url", stage.address, "--key-file", AUDITOR_KEY)
        scene.output(
            _typed(scene, stage, "xase", "evidence", "export", "--model-id", MODEL_ID, "--output", BUNDLE, *whose)
        )
        size = (stage.folder / BUNDLE).stat().st_size
        scene.fact("size", f"{size / 1e6:.1f} MB")
        scene.fact("public keys", f"{KEYS}: fetched once, by a way one trusts, and kept")


def verify(scene: Scene, stage: Stage) -> None:
    """The same verdict by two programs that share nothing: the verifier, and openssl."""
    with scene.step(
        "And verifies it, offline", "No server, no account, no network: the bundle and a public key are enough."
    ):
        scene.output(_typed(scene, stage, "xase", "verify", BUNDLE, "--key", KEYS))
        with ZipFile(stage.folder / BUNDLE) as archive:
            archive.extractall(stage.folder / "unpacked")
        scene.output(_typed(scene, stage, "sh", "unpacked/verify.sh", *PEM_KEYS))


def check_session(scene: Scene, stage: Stage, session_id: str) -> None:
    """The evidence of the lab's session: what was permitted, delivered, claimed, and ended."""
    why = "The verdict, each delivery, the lab's claim, the revocation: that none follows the revocation is checked."
    with scene.step("The same for the data: the lab's session", why):
        whose = ("--base-url", stage.address, "--key-file", AUDITOR_KEY)
        _typed(scene, stage, "xase", "evidence", "export", "--session", session_id, "--output", SESSION_BUNDLE, *whose)
        scene.output(_typed(scene, stage, "xase", "verify", SESSION_BUNDLE, "--key", KEYS))


def forge(scene: Scene, stage: Stage, reviewed: Sequence[Reviewed]) -> None:
    """One byte of one entry is changed, and the verifier names the entry."""
    chosen = min((each for each in reviewed if not each.decision.right), key=lambda each: each.decision.confidence)
    why = "Somebody wants the model to have been surer than it was. One byte is enough for that, and one too many."
    with scene.step("Now forge it", why):
        forgery = overstate((stage.folder / BUNDLE).read_bytes(), chosen.record.id)
        (stage.folder / FORGED).write_bytes(forgery.bundle)
        scene.fact("changed", f"byte {forgery.place:,}: the confidence {forgery.was} became {forgery.now}")
        scene.fact("in", chosen.record.id)
        said = _typed(scene, stage, "xase", "verify", FORGED, "--key", KEYS, expect=ExitCode.VERIFICATION_FAILED)
        verdict, findings = said.partition("\n")[0], said.partition("Findings\n")[2].partition("\n\n")[0]
        scene.output(verdict, style="bold red")
        for finding in findings.splitlines():
            scene.output(finding, style="bold red" if f"({chosen.record.id})" in finding else "red")


def follow(scene: Scene, client: "Client", person: str) -> None:
    """From a patient who has withdrawn to the decisions of models that were made of their data."""
    why = "Nobody declares lineage: it is read from the ledger. These decisions a person may want to look at again."
    with scene.step("And the patient who withdrew: which decisions did they touch?", why):
        scene.code(f'client.lineage.of_dataset("{DATASET}", subject="{person}")')
        graph = client.lineage.of_dataset(DATASET, subject=person).to_dict()
        for kind in ("session", "model"):
            for node in (each for each in graph["nodes"] if each["type"] == kind):
                told = f", {node['decisions']} decisions" if "decisions" in node else f", {node.get('status', '')}"
                scene.fact(kind, f"{node['id']}{told}")
        newest = [each["id"] for each in graph["nodes"] if each["type"] == "decision"]
        scene.fact("decisions", f"{', '.join(newest[:2])}, …")


def _typed(scene: Scene, stage: Stage, *command: str, expect: ExitCode = ExitCode.OK) -> str:
    """A command as a person would type it; what it says. Raises Stop when it does not end as expected."""
    scene.command(" ".join(command))
    done = stage.run(*command)
    if done.returncode != expect:
        raise Stop(f"{command[0]} ended with {done.returncode}, not {int(expect)}:\n{done.stderr}", ExitCode.UNEXPECTED)
    return done.stdout
