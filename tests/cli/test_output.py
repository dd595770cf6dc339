"""What is shown: safe on a terminal, exact for programs."""

import json
import stat

import pytest

from xase.cli.exits import Stop
from xase.cli.output import brief, emit, plain, refuse_existing, show_fields, show_table, waiting, write_secret


@pytest.mark.parametrize("value", ["\x1b[2Jgone", "a\rb", "a\x9bm", "a\u202eb", "a\x00b"])
def test_what_others_wrote_cannot_steer_the_terminal(value, capsys):
    show_table(("model",), [(value,)])
    show_fields({"model": value})
    shown = capsys.readouterr().out
    assert not set(shown) & set("\x1b\r\x9b\u202e\x00")
    assert json.dumps(value)[1:-1] in shown


def test_markup_of_others_is_text(capsys):
    show_table(("model",), [("[red]model[/red] [/]",)])
    assert "[red]model[/red] [/]" in capsys.readouterr().out


def test_absent_values_and_objects_have_a_plain_form():
    assert plain(None) == "–"
    assert plain({"a": [1, True]}) == '{"a": [1, true]}'
    assert plain("two\nlines") == "two lines"


def test_a_cell_is_cut_and_a_field_is_not(capsys):
    assert len(brief("x" * 500)) == 60
    show_fields({"reason": "x" * 500})
    assert capsys.readouterr().out.count("x") == 500


def test_json_keeps_every_character(capsys):
    value = {"name": "Ü\u2028\x1b\x7f\x9b\U000e0001", "n": 0.1}
    emit(value)
    shown = capsys.readouterr().out
    assert json.loads(shown) == value
    assert "Ü" in shown
    assert not set(shown) & set("\u2028\x1b\x7f\x9b\U000e0001")


def test_waiting_is_silent_where_there_is_no_terminal(capsys):
    with waiting("working"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_secret_is_written_for_its_owner_alone_and_never_over_another(tmp_path):
    file = tmp_path / "reviewer.key"
    write_secret(file, "xase_pk_0")
    assert file.read_text() == "xase_pk_0\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(Stop):
        write_secret(file, "xase_pk_1")
    with pytest.raises(Stop):
        refuse_existing(file)
    assert file.read_text() == "xase_pk_0\n"
