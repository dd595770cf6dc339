"""What must hold of a store after whatever was done to it."""

from pathlib import Path

from tests.simulator import HandClock
from xase.proof.checkpoint import parse_checkpoint, parse_note
from xase.proof.entry import parse_entry
from xase.proof.keys import LogSigner
from xase_server.domain.decisions import DecisionFilter, NewDecision, Page
from xase_server.domain.entries import Committed, Unit
from xase_server.domain.principals import ROLES, Principal
from xase_server.home import Home
from xase_server.ledger.append import Ledger
from xase_server.ledger.audit import audit
from xase_server.ports import Reads, Storage
from xase_server.services.decisions import append_decision
from xase_server.storage import open_storage

LATER_MS = 4_000_000_000_000  # later than any test runs


def assert_whole_and_going_on(home: Path, acknowledged: list[str]) -> None:
    """The store of a home opens, holds all of these ids, is whole, and takes one more decision."""
    storage = open_storage("", home)
    try:
        held = held_size(home)
        head = storage.read(lambda reads: reads.head())
        assert held <= head.size, "the head outside is ahead"
        signer = LogSigner.from_pem(head.log, (home / "keys" / "log.pem").read_bytes())
        organisation = assert_whole(storage, signer)
        missing = storage.read(lambda reads: [id for id in acknowledged if reads.entry(organisation, id) is None])
        assert missing == []
        append_one(Ledger(storage, signer, HandClock(LATER_MS), head_file=Home(home).head), organisation)
        assert_whole(storage, signer)
    finally:
        storage.close()


def held_size(home: Path) -> int:
    """The size of the head that is held outside the database."""
    head = Home(home).head
    return parse_checkpoint(parse_note(head.read_text()).body).size if head.exists() else 0


def assert_whole(storage: Storage, signer: LogSigner) -> str:
    """The audit finds nothing, and the store holds what its log says was done; gives the organisation."""
    report = audit(storage, [signer.verifier])
    assert report.clean, report.findings
    return storage.read(_assert_derived)


def _assert_derived(reads: Reads) -> str:
    entries = [parse_entry(raw) for raw in reads.entries(0, reads.head().size)]
    organisation = entries[0].actor["organisation"]
    decided = [entry.id for entry in entries if entry.type == "decision"]
    assert reads.list_decisions(organisation, DecisionFilter(), Page(limit=1)).total == len(decided)
    rows = {row.id: row for row in reads.decisions(organisation, decided)}
    assert set(rows) == set(decided)
    erased = {entry.body["record_id"] for entry in entries if entry.type == "payload_erased"}
    assert {id for id, row in rows.items() if "input" not in row.parts} == erased
    touched = {entry.body["record_id"] for entry in entries if entry.type == "intervention"}
    assert {row.record_id for row in reads.interventions(organisation, decided)} == touched
    return organisation


def append_one(ledger: Ledger, organisation: str) -> None:
    """The ledger starts without objection and takes a decision."""
    ledger.start()
    try:
        assert ledger.problem is None
        who = Principal(organisation, "key_test", "test@example.org", "admin", ROLES["admin"])
        append = append_decision(who, NewDecision(model_id="afterwards", input={}, output={}))
        assert isinstance(ledger.append_now(Unit((append,))), Committed)
    finally:
        ledger.close()
