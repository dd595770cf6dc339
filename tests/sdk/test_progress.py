"""Progress of long streams: where somebody looks, and nowhere else."""

import sys

import pytest

from xase._client import progress
from xase._client.progress import Progress, Waiting


@pytest.fixture
def slow(monkeypatch):
    """As if every stream were a long one."""
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)


def count(**options):
    with Progress("streaming", **options) as bar:
        bar.add(32)
        bar.add(18, total=100)


def test_nothing_is_shown_where_there_is_no_terminal(slow, capsys):
    count()
    assert capsys.readouterr() == ("", "")


def test_nothing_is_shown_when_it_is_not_wanted(slow, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    count(is_wanted=False)
    assert capsys.readouterr() == ("", "")


def test_a_short_stream_shows_nothing(capsys):
    count(is_wanted=True)
    assert capsys.readouterr() == ("", "")


def test_a_long_one_is_counted_on_standard_error(slow, capsys):
    count(is_wanted=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "streaming" in shown.err
    assert "50/100" in shown.err


def test_a_notebook_is_watched(monkeypatch):
    assert not progress._is_watched()
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert progress._is_watched()


def wait(**options):
    with Waiting(**options) as sign:
        sign.say("waiting for data_holder to approve apr_1 [bold]")
        sign.say("waiting for data_holder to approve apr_1, 1 agreed")


def test_waiting_is_silent_where_nobody_looks(capsys):
    wait()
    wait(is_wanted=False)
    assert capsys.readouterr() == ("", "")


def test_what_is_waited_for_is_said_on_standard_error(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    wait(is_wanted=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "waiting for data_holder" in shown.err
