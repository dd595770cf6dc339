"""What a first start makes, and which starts are refused."""

import shutil

import pytest

from xase_server.core import open_core
from xase_server.domain.entries import admin_stream
from xase_server.home import HomeProblem
from xase_server.services.authentication import digest_of
from xase_server.settings import Settings


def start(home):
    core = open_core(Settings(home=home))
    secret = core.home.admin_key.read_text().strip()
    row = core.storage.read(lambda reads: reads.key(digest_of(secret)))
    return core, row


def test_the_admin_key_works_and_is_ledgered(tmp_path):
    core, row = start(tmp_path / "home")
    entries = core.storage.read(lambda reads: reads.stream_entries(admin_stream(row.organisation), 0, 10))
    core.close()
    assert row.role == "admin"
    assert len(entries) == 1
    assert b'"key_created"' in entries[0][1]


def test_the_secret_is_nowhere_in_the_database(tmp_path):
    core, _ = start(tmp_path / "home")
    secret = core.home.admin_key.read_bytes().strip()
    core.close()
    for file in (tmp_path / "home").glob("xase.db*"):
        assert secret not in file.read_bytes()


def test_a_second_start_makes_no_second_key(tmp_path):
    first, row = start(tmp_path / "home")
    first.close()
    second, again = start(tmp_path / "home")
    size = second.storage.read(lambda reads: reads.head()).size
    second.close()
    assert again == row
    assert size == 1


def test_a_start_that_crashed_before_its_first_entry_is_taken_up(tmp_path):
    core, row = start(tmp_path / "home")
    secret = core.home.admin_key.read_text()
    core.close()
    for file in [*(tmp_path / "home").glob("xase.db*"), tmp_path / "home" / "head"]:
        file.unlink()
    core, taken_up = start(tmp_path / "home")
    core.close()
    assert core.home.admin_key.read_text() == secret
    assert taken_up.digest == row.digest


def test_keys_of_another_log_are_refused(tmp_path):
    for name in ("ours", "theirs"):
        start(tmp_path / name)[0].close()
    shutil.rmtree(tmp_path / "ours" / "keys")
    shutil.copytree(tmp_path / "theirs" / "keys", tmp_path / "ours" / "keys")
    with pytest.raises(HomeProblem, match="did not sign"):
        open_core(Settings(home=tmp_path / "ours"))


def test_an_emptied_database_is_seen_against_the_head_held_outside(tmp_path):
    start(tmp_path / "home")[0].close()
    for file in (tmp_path / "home").glob("xase.db*"):
        file.unlink()
    core = open_core(Settings(home=tmp_path / "home"))
    try:
        assert core.ledger.problem is not None
        assert core.storage.read(lambda reads: reads.head()).size == 0
    finally:
        core.close()
