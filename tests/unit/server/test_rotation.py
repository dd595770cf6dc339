"""Signing keys rotate: the log names the new key under the old one's signature, and old evidence stays good."""

import json

import pytest

from xase.proof.checkpoint import NoteError, open_checkpoint
from xase_server.core import open_core
from xase_server.ledger.audit import audit
from xase_server.rotation import key_id, rotate_signing_key
from xase_server.settings import Settings


@pytest.fixture
def settings(tmp_path):
    settings = Settings(home=tmp_path / "home")
    open_core(settings).close()
    return settings


def look(settings, work):
    core = open_core(settings)
    try:
        return work(core)
    finally:
        core.close()


def test_the_new_log_key_is_announced_under_the_old_one(settings):
    old = look(settings, lambda core: core.custody.ring.log_verifiers)
    rotate_signing_key(settings, "log")
    notes = look(settings, lambda core: [core.storage.read(lambda reads, n=n: reads.checkpoint(n)) for n in (2, 3)])
    assert open_checkpoint(notes[0], old).size == 2
    with pytest.raises(NoteError):
        open_checkpoint(notes[1], old)


@pytest.mark.parametrize("use", ["log", "document"])
def test_the_entries_name_the_key_and_the_ring_keeps_the_old_one(settings, use):
    identifier = rotate_signing_key(settings, use)

    def work(core):
        entries = [json.loads(raw) for raw in core.storage.read(lambda reads: reads.entries(1, 9))]
        return entries, [key for key in core.custody.ring.keys if key.use == use]

    entries, keys = look(settings, work)
    assert [(entry["type"], entry["body"]["phase"], entry["body"]["key_id"]) for entry in entries] == [
        ("signing_key_rotated", "announced", identifier),
        ("signing_key_rotated", "in_use", identifier),
    ]
    assert [key.valid_to_ms is None for key in keys] == [True, False]
    assert key_id(keys[0].verifier) == identifier


def test_the_whole_log_audits_clean_over_a_rotation(settings):
    rotate_signing_key(settings, "log")
    report = look(settings, lambda core: audit(core.storage, core.custody.ring.log_verifiers))
    assert not report.findings


def test_an_interrupted_rotation_is_finished_by_running_it_again(settings):
    staged = look(settings, lambda core: core.home.stage("log", core.custody.log.name))
    assert rotate_signing_key(settings, "log") == key_id(staged)
