"""The audit names every kind of damage. Each case is done to a real database, past the server."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.logs import ORIGIN, SIGNER, HandClock, running_log
from tests.contract.records import decision, erasure, intervention, make_append
from xase.proof.checkpoint import Checkpoint, sign_checkpoint
from xase.proof.keys import LogSigner
from xase_server.domain.entries import Stream
from xase_server.ledger.audit import AuditReport, audit
from xase_server.storage import merging, open_storage

SIZE = 620


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 620 entries of every kind: decisions, interventions, an erasure, two streams."""
    home = tmp_path_factory.mktemp("original")
    storage, clock = open_storage("", home), HandClock()
    with pytest.MonkeyPatch.context() as patch, running_log(storage, clock=clock) as log:
        patch.setattr(merging, "FAR_BEHIND", 50)
        made = [decision("ab"[n % 2], policy_id="p", confidence=n / 600, transaction_id=f"t{n}") for n in range(600)]
        for start in range(0, 600, 100):
            clock.ms += 1000
            log.append(*made[start : start + 100])
        log.append(*[intervention(each.id) for each in made[:10]])
        log.append(erasure(made[7].id))
        log.append(*[make_append(stream=Stream("admin/org_a"), parts={"n": n}) for n in range(9)])
    storage.close()
    return home / "xase.db"


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    for file in (original, original.with_name("xase.db-lists")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture
def intruder(copy: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the database file and a tool: the triggers are gone first."""
    with closing(sqlite3.connect(copy / "xase.db", isolation_level=None)) as connection:
        connection.execute("ATTACH DATABASE ? AS lists", [str(copy / "xase.db-lists")])
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection


def audited(home: Path, **options) -> AuditReport:
    with closing(open_storage("", home)) as storage:
        return audit(storage, [SIGNER.verifier], **options)


def test_an_untouched_log_is_clean(copy):
    told: list[tuple[int, int]] = []
    report = audited(copy, progress=lambda done, total: told.append((done, total)))
    assert report == AuditReport(ORIGIN, 0, SIZE, 9, [])
    assert report.clean
    assert told == [(SIZE, SIZE)]


def test_an_empty_log_is_clean(tmp_path):
    with closing(open_storage("", tmp_path)) as storage:
        storage.initialise(ORIGIN)
        assert audit(storage, [SIGNER.verifier]) == AuditReport(ORIGIN, 0, 0, 0, [])


@pytest.mark.parametrize("start", [1, 256, 511, 512, 619, 620, 9999])
def test_the_tail_of_an_untouched_log_is_clean(copy, start):
    report = audited(copy, start=start)
    assert report.clean
    assert report.start == min(start, SIZE) // 256 * 256


DAMAGES = {
    "a byte of an entry": (
        "UPDATE entries SET raw = CAST(replace(raw, '\"b\"', '\"a\"') AS BLOB) WHERE idx = 3",
        3,
        "not the entry in the tree",
    ),
    "an entry that is no JSON": ("UPDATE entries SET raw = x'00' WHERE idx = 3", 3, "not an entry"),
    "two entries exchanged": (
        "UPDATE entries SET raw = (SELECT raw FROM entries o WHERE o.idx = 7 - entries.idx) WHERE idx IN (3, 4)",
        3,
        "another log or index",
    ),
    "the last entries cut off": ("DELETE FROM entries WHERE idx >= 618", 618, "entries are missing"),
    "a hash in a tile": (
        "UPDATE tiles SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB) WHERE level = 0 AND number = 1",
        256,
        "not the entry in the tree",
    ),
    "a hash in an upper tile": ("UPDATE tiles SET hashes = zeroblob(64) WHERE level = 1", 0, "tile 1/0"),
    "a missing tile": ("DELETE FROM tiles WHERE level = 0 AND number = 2", 512, "not the entry in the tree"),
    "a checkpoint's signature": (
        "UPDATE checkpoints SET note = substr(note, 1, length(note) - 6) || 'AAA=' || char(10) WHERE size = 300",
        299,
        "checkpoint of 300",
    ),
    "the last checkpoint": ("DELETE FROM checkpoints WHERE size = 620", 619, "under no checkpoint"),
    "the head's tree": ("UPDATE log_head SET compact = zeroblob(length(compact))", 619, "head's checkpoint"),
    "the end of a chain": ("UPDATE streams SET length = length + 1 WHERE name LIKE 'admin%'", 619, "end of the chain"),
    "a payload gone without an erasure": ("DELETE FROM payloads WHERE idx = 3", 3, "missing without an erasure"),
    "a payload of another entry gone": ("DELETE FROM payloads WHERE idx = 615", 615, "part is missing"),
    "an erasure that never was": ("UPDATE decisions SET erased_idx = 610 WHERE number = 3", 3, "of another record"),
    "a decision not listed": ("DELETE FROM decisions WHERE number = 3", 3, "not in the list"),
    "a decision under another number": (
        "UPDATE decisions SET number = 7000 WHERE number = 3; UPDATE newest_ids SET number = 7000 WHERE number = 3",
        3,
        "number 7000",
    ),
    "an id": ("UPDATE newest_ids SET id = 7 WHERE idx = 615", 615, "not found by its id"),
    "an intervention": ("DELETE FROM interventions WHERE idx = 601", 601, "intervention is not found"),
    "a posting": ("DELETE FROM postings WHERE kind = 0 AND number >= 300", 619, "lists"),
    "a count of interventions": ("UPDATE intervened SET count = count + 1", 619, "lists"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(copy, intruder, damage):
    statements, index, words = DAMAGES[damage]
    for statement in statements.split("; "):
        assert intruder.execute(statement).rowcount > 0
    findings = audited(copy).findings
    assert any(found.index == index and words in found.message for found in findings), findings


@pytest.mark.parametrize("place", [10, -3], ids=["salt", "content"])
def test_a_changed_byte_of_a_payload_is_found(copy, intruder, place):
    ((packed,),) = intruder.execute("SELECT packed FROM payloads WHERE idx = 3").fetchall()
    changed = bytearray(packed)
    changed[place] ^= 1
    intruder.execute("UPDATE payloads SET packed = ? WHERE idx = 3", [bytes(changed)])
    (finding,) = audited(copy).findings
    assert finding.index == 3
    assert "not what the entry commits to" in finding.message


def test_a_log_rewritten_with_another_key_is_found(copy, intruder):
    thief = LogSigner.generate(ORIGIN)
    forged = sign_checkpoint(Checkpoint(ORIGIN, SIZE, bytes(32)), [thief])
    intruder.execute("UPDATE log_head SET checkpoint = ?", [forged])
    intruder.execute("UPDATE checkpoints SET note = ? WHERE size = ?", [forged, SIZE])
    assert {found.index for found in audited(copy).findings} == {SIZE - 1}


def test_damage_before_the_tail_is_not_looked_for(copy, intruder):
    intruder.execute("UPDATE entries SET raw = x'00' WHERE idx = 30")
    assert audited(copy, start=512).clean
    assert not audited(copy).clean


def test_damage_in_the_tail_is_found_by_its_audit(copy, intruder):
    intruder.execute("UPDATE entries SET raw = CAST(replace(raw, 'org_a', 'org_b') AS BLOB) WHERE idx = 600")
    assert any(found.index == 600 for found in audited(copy, start=600).findings)


def test_of_very_many_findings_the_first_are_kept(copy, intruder):
    intruder.execute("DELETE FROM payloads")
    intruder.execute("UPDATE entries SET raw = CAST(replace(raw, 'example.org', 'example.com') AS BLOB)")
    findings = audited(copy).findings
    assert len(findings) == 1001
    assert "more findings" in findings[-1].message


def test_what_is_appended_during_an_audit_is_no_finding(copy):
    with (
        closing(open_storage("", copy)) as storage,
        running_log(storage, clock=HandClock(HandClock().ms + 60_000)) as log,
    ):

        def grow(*_: int) -> None:
            log.append(decision(), make_append())

        assert audit(storage, [SIGNER.verifier], progress=grow).clean
        assert audit(storage, [SIGNER.verifier]).size == SIZE + 2
