"""How a fresh secret reaches its owner, whatever it opens."""

import stat

import pytest

from xase.cli.exits import Stop
from xase.cli.handover import hand_over, secret_file


def test_a_secret_is_written_for_its_owner_alone_and_not_shown(tmp_path, capsys):
    file = tmp_path / "reviewer.key"
    with secret_file(file) as stream:
        hand_over({"id": "key_1", "key": "xase_pk_0"}, "key", file, stream, as_json=False)
    assert file.read_text() == "xase_pk_0\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "xase_pk_0" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_without_a_file_is_shown(as_json, capsys):
    with secret_file(None) as stream:
        hand_over({"id": "whk_1", "secret": "whsec_0"}, "secret", None, stream, as_json=as_json)
    assert "whsec_0" in capsys.readouterr().out


def test_a_file_that_is_there_stays_as_it_is(tmp_path):
    file = tmp_path / "reviewer.key"
    file.write_text("mine")
    with pytest.raises(Stop, match="exists already"), secret_file(file):
        pytest.fail("a secret was made that nobody can keep")
    assert file.read_text() == "mine"


def test_no_secret_is_made_for_a_file_that_cannot_be(tmp_path):
    with pytest.raises(Stop, match="cannot write"), secret_file(tmp_path / "missing" / "reviewer.key"):
        pytest.fail("a secret was made that nobody can keep")


def test_where_no_secret_was_made_no_file_is_left(tmp_path):
    with pytest.raises(LookupError), secret_file(tmp_path / "reviewer.key"):
        raise LookupError
    assert list(tmp_path.iterdir()) == []


def test_a_secret_stays_where_showing_the_rest_fails(tmp_path):
    file = tmp_path / "reviewer.key"
    with pytest.raises(TypeError), secret_file(file) as stream:
        hand_over({"key": "xase_pk_0", "odd": object()}, "key", file, stream, as_json=True)
    assert file.read_text() == "xase_pk_0\n"
