"""The home folder: secrets are made once, kept private, and never taken for another log's."""

import json
import stat

import pytest

from xase_server.home import Home, HomeProblem, replace_private, write_private

ORIGIN = "example.org/log"
NOW_MS = 1_736_951_520_000


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def test_keys_are_made_once_and_stay(home):
    first, second = home.custody(ORIGIN, NOW_MS), home.custody(ORIGIN, NOW_MS + 1)
    assert first.log.vkey == second.log.vkey
    assert first.document.key_id == second.document.key_id
    assert first.cursor_secret == second.cursor_secret
    assert second.ring.view() == first.ring.view()


def test_every_secret_is_private(home):
    home.custody(ORIGIN, NOW_MS)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in home.keys.iterdir()}
    assert modes == dict.fromkeys(("log.pem", "document.pem", "seal.key", "ring.json"), 0o600)
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["log.pem", "document.pem", "seal.key"])
def test_a_secret_that_others_may_read_is_refused(home, name):
    home.custody(ORIGIN, NOW_MS)
    (home.keys / name).chmod(0o640)
    with pytest.raises(HomeProblem, match="chmod 600"):
        home.custody(ORIGIN, NOW_MS)


@pytest.mark.parametrize("name", ["log.pem", "document.pem"])
def test_a_key_that_was_swapped_behind_the_ring_is_refused(home, tmp_path, name):
    home.custody(ORIGIN, NOW_MS)
    other = Home(tmp_path / "other")
    other.prepare()
    other.custody(ORIGIN, NOW_MS)
    (other.keys / name).replace(home.keys / name)
    with pytest.raises(HomeProblem, match="is not the key that"):
        home.custody(ORIGIN, NOW_MS)


@pytest.mark.parametrize("name", ["log.pem", "document.pem", "seal.key", "ring.json"])
def test_a_key_file_that_is_none_is_named(home, name):
    home.custody(ORIGIN, NOW_MS)
    replace_private(home.keys / name, b"{}")
    with pytest.raises(HomeProblem, match=f"{name} cannot be used"):
        home.custody(ORIGIN, NOW_MS)


def test_a_home_that_is_a_file_is_named(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(HomeProblem, match="there is a file of that name"):
        Home(tmp_path / "home").prepare()


def test_an_existing_file_stands(tmp_path):
    file = tmp_path / "secret"
    write_private(file, b"first")
    write_private(file, b"second")
    assert file.read_bytes() == b"first"
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def test_a_replaced_file_leaves_nothing_behind(tmp_path):
    file = tmp_path / "public"
    replace_private(file, b"first")
    replace_private(file, b"second")
    assert file.read_bytes() == b"second"
    assert [each.name for each in tmp_path.iterdir()] == ["public"]


def test_the_ring_lists_the_keys_in_use_with_their_period(home):
    custody = home.custody(ORIGIN, NOW_MS)
    listed = json.loads((home.keys / "ring.json").read_bytes())["keys"]
    assert [(key["use"], key["valid_from"]) for key in listed] == [
        ("log", "2025-01-15T14:32:00.000Z"),
        ("document", "2025-01-15T14:32:00.000Z"),
    ]
    assert listed[0]["vkey"] == custody.log.vkey
    assert [verifier.vkey for verifier in custody.ring.log_verifiers] == [custody.log.vkey]


def test_a_master_key_is_made_once_and_private(home):
    (key,) = home.master_keys()
    assert (len(key), home.master_keys()) == (32, (key,))
    assert stat.S_IMODE((home.keys / "master.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_a_rotated_master_key_stays_behind_the_new_one(home, tmp_path, is_elsewhere):
    elsewhere = tmp_path / "master" if is_elsewhere else None
    if elsewhere:
        elsewhere.write_bytes(b"m" * 32)
    (first,) = home.master_keys(elsewhere)
    assert home.rotate_master_key(elsewhere) == 2
    before, second = home.master_keys(elsewhere)
    assert home.rotate_master_key(elsewhere) == 3
    assert before == first
    assert home.master_keys(elsewhere)[:2] == (first, second)
    assert len(set(home.master_keys(elsewhere))) == 3


def test_an_interrupted_rotation_changes_nothing_and_is_finished_by_the_next(home):
    (first,) = home.master_keys()
    write_private(home.keys / "master.key.1", first)
    assert home.master_keys() == (first,)
    assert home.rotate_master_key() == 2
    assert home.master_keys()[0] == first


def test_an_older_master_key_in_place_of_the_newest_is_refused(home):
    (first,) = home.master_keys()
    home.rotate_master_key()
    home.rotate_master_key()
    replace_private(home.keys / "master.key", first)
    with pytest.raises(HomeProblem, match="of before"):
        home.master_keys()


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), (b"short", "at least 32 bytes")])
def test_a_master_key_that_is_none_is_refused(home, tmp_path, content, said):
    file = tmp_path / "master"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(HomeProblem, match=said):
        home.master_keys(file)
