"""What is shown: safe on a terminal, exact for programs."""

import json

import pytest

from xase.cli.exits import Stop
from xase.cli.output import brief, emit, plain, refuse_existing, show_fields, show_table, waiting


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


def test_what_is_there_already_is_not_written_over(tmp_path):
    (tmp_path / "bundle.zip").touch()
    with pytest.raises(Stop, match="exists already"):
        refuse_existing(tmp_path / "bundle.zip")


SESSIONS = (
    ("id", "status", "dataset", "until"),
    [("sess_" + "0" * 16, "TERMINATED", "d" * 50, "2026-11-24T14:15:17.597Z")],
)


def test_a_narrow_terminal_breaks_no_short_word(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    show_table(*SESSIONS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[2].split()[:2] == ["sess_" + "0" * 16, "TERMINATED"]
    assert [line.split()[-1] for line in lines[2:4]] == ["2026-11-24", "14:15:17"]


def test_a_file_gets_no_blanks_at_the_ends_of_lines(capsys):
    show_table(*SESSIONS)
    show_fields({"a": 1, "reason": "x"})
    assert all(line == line.rstrip() for line in capsys.readouterr().out.splitlines())


def test_a_cell_shows_times_to_the_second_and_digests_by_their_beginning():
    assert brief("2026-11-24T14:15:17.597Z") == "2026-11-24 14:15:17"
    assert brief("sha256:" + "ab" * 32) == "sha256:abababababab…"


def test_an_empty_table_says_so(capsys):
    show_table(("id", "name"), [])
    shown = capsys.readouterr()
    assert shown.out.split() == ["id", "name", "─" * 8]
    assert shown.err == "none\n"
