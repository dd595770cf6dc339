"""How commands end: each documented exit code, a message for people, facts for programs, never a stack trace."""

import json
import socket

import pytest

from xase.cli import exits
from xase_server.commands import exits as server_exits

BODY = '{"model_id": "m", "input": {}, "output": {}}'
NOWHERE = "rec_0000000000000000"


@pytest.fixture
def reviewer(server, tmp_path):
    """The file of a key that may not record."""
    with server.client() as client:
        key = client.keys.create(name="r", role="reviewer", email="r@x.example")
    file = tmp_path / "reviewer.key"
    file.write_text(f"{key.key}\n")
    return file


@pytest.fixture
def away():
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_done_is_0(xase_):
    assert xase_("records", "create", BODY).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("records", "list", "--limit", "many"),
        ("records", "list", "--limit", "0"),
        ("records", "list", "--order", "sideways"),
        ("records", "create", "{"),
        ("records", "create", "@nowhere.json"),
        ("records", "get", NOWHERE, "--key-file", "nowhere.key"),
        ("records", "get", NOWHERE, "--base-url", "ftp://x"),
        ("evidence", "export"),
        ("evidence", "export", "--model-id", "m", "-o", "no/such/folder/bundle.zip"),
        ("keys", "create", "--name", "n"),
        ("verify", "bundle.zip", "--key", "nowhere.json"),
    ],
)
def test_a_wrong_command_line_is_2(xase_, arguments):
    answer = xase_(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err


def test_no_key_is_3(xase_, monkeypatch):
    monkeypatch.delenv("XASE_API_KEY")
    assert xase_("whoami").code == 3


def test_a_wrong_key_is_3(xase_, tmp_path):
    (tmp_path / "wrong.key").write_text("xase_pk_" + "0" * 48)
    assert xase_("whoami", "--key-file", "wrong.key").code == 3


def test_a_key_that_may_not_is_3_and_the_scope_is_named(xase_, reviewer):
    answer = xase_("records", "create", BODY, "--key-file", reviewer)
    assert answer.code == 3
    assert "records:write" in answer.err


def test_an_unknown_record_is_4(xase_):
    assert xase_("records", "get", NOWHERE).code == 4


def test_a_server_that_is_away_is_5(xase_, away):
    answer = xase_("whoami", "--base-url", away)
    assert (answer.code, answer.out) == (5, "")


def test_what_is_no_bundle_is_7(xase_, tmp_path):
    (tmp_path / "bundle.zip").write_bytes(b"no zip")
    assert xase_("verify", "bundle.zip").code == 7


def test_what_the_server_refuses_is_8_and_the_field_is_named(xase_):
    answer = xase_("records", "create", '{"model_id": "m", "input": {}, "output": {}, "confidence": 1.01}')
    assert answer.code == 8
    assert "confidence" in answer.err


def test_with_json_the_failure_is_one_line_of_json_on_standard_error(xase_):
    answer = xase_("records", "get", NOWHERE, "--json")
    assert answer.out == ""
    error = json.loads(answer.err)["error"]
    assert error.keys() == {"message", "exit_code", "slug", "details", "request_id"}
    assert (error["exit_code"], error["slug"]) == (4, "not_found")
    assert error["details"]["id"] == NOWHERE


def test_a_defect_is_1_without_a_stack_trace(xase_, monkeypatch):
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("out of cheese")

    monkeypatch.setattr("xase.Client", fail)
    answer = xase_("whoami")
    assert (answer.code, answer.err) == (1, "xase: unexpected RuntimeError: out of cheese (XASE_DEBUG=1 shows where)\n")


def test_every_code_has_a_meaning_and_both_programs_mean_the_same():
    assert exits.MEANING.keys() == set(exits.ExitCode)
    assert server_exits.MEANING.keys() == set(server_exits.ExitCode)
    assert {c.name: c.value for c in server_exits.ExitCode}.items() <= {c.name: c.value for c in exits.ExitCode}.items()
