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
from xase_server.ports import Reads, Storage
from xase_server.services.decisions import append_decision
from xase_server.storage import open_storage

LATER_MS = 4_000_000_000_000  # later than any test runs


def assert_whole_and_going_on(home: Path, acknowledged: list[str]) -> None:
    """The store of a home opens, holds all of these ids, is whole, and takes one more decision."""
    storage = open_storage("", home)
    try:
        assert storage.read(lambda reads: held_size(home) <= reads.head().size), "the head outside is ahead"
        organisation = storage.read(assert_whole)
        missing = storage.read(lambda reads: [id for id in acknowledged if reads.entry(organisation, id) is None])
        assert missing == []
        assert_going_on(storage, Home(home), organisation)
        storage.read(assert_whole)
    finally:
        storage.close()


def held_size(home: Path) -> int:
    """The size of the head that is held outside the database."""
    head = Home(home).head
    return parse_checkpoint(parse_note(head.read_text()).body).size if head.exists() else 0


def assert_whole(reads: Reads) -> str:
    """Lists and interventions agree with the log, and the log with itself; gives the organisation."""
    head = reads.head()
    entries = [parse_entry(raw) for raw in reads.entries(0, head.size)]
    assert [entry.index for entry in entries] == list(range(head.size))
    organisation = entries[0].actor["organisation"]
    decided = [entry.id for entry in entries if entry.type == "decision"]
    page = reads.list_decisions(organisation, DecisionFilter(), Page(limit=1))
    assert page.total == len(decided)
    rows = {row.id: row for row in reads.decisions(organisation, decided)}
    assert set(rows) == set(decided)
    erased = {str(entry.body["record_id"]) for entry in entries if entry.type == "payload_erased"}
    assert {id for id, row in rows.items() if "input" not in row.parts} == erased
    touched = {str(entry.body["record_id"]) for entry in entries if entry.type == "intervention"}
    assert {row.record_id for row in reads.interventions(organisation, decided)} == touched
    return organisation


def assert_going_on(storage: Storage, home: Home, organisation: str) -> None:
    """A ledger starts on the store without objection and appends."""
    origin = storage.read(lambda reads: reads.head()).log
    signer = LogSigner.from_pem(origin, (home.keys / "log.pem").read_bytes())
    ledger = Ledger(storage, signer, HandClock(LATER_MS), head_file=home.head)
    ledger.start()
    try:
        assert ledger.problem is None
        who = Principal(organisation, "key_test", "test@example.org", "admin", ROLES["admin"])
        append = append_decision(who, NewDecision(model_id="afterwards", input={}, output={}))
        committed = ledger.append_now(Unit((append,)))
        assert isinstance(committed, Committed)
    finally:
        ledger.close()
