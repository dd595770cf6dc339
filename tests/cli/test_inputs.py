"""What is typed: JSON in place, from a file, from standard input; key files. Every mistake is named with its place."""

import io

import pytest

from xase.cli.exits import ExitCode, Stop
from xase.cli.inputs import read_object, read_secret


class StandardInput:
    """As much of `sys.stdin` as is read."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def refusal(text: str) -> str:
    with pytest.raises(Stop) as stop:
        read_object(text, "--input")
    assert stop.value.code is ExitCode.USAGE
    return stop.value.message


def test_an_object_in_place_is_read():
    assert read_object('{"income": 85000, "name": "Ü"}', "--input") == {"income": 85000, "name": "Ü"}


def test_an_object_in_a_file_is_read(tmp_path):
    file = tmp_path / "input.json"
    file.write_text('{"income": 85000}\n')
    assert read_object(f"@{file}", "--input") == {"income": 85000}


def test_an_object_on_standard_input_is_read(monkeypatch):
    monkeypatch.setattr("sys.stdin", StandardInput(b'{"income": 85000}'))
    assert read_object("-", "--input") == {"income": 85000}


def test_a_syntax_error_is_named_with_line_column_and_a_mark():
    assert refusal('{\n  "income": 85000,\n  "age" 41\n}') == (
        "--input: not JSON at line 3, column 9: Expecting ':' delimiter\n    \"age\" 41\n          ^"
    )


def test_only_the_neighbourhood_of_a_fault_in_a_long_line_is_shown():
    message = refusal('{"a": "' + "x" * 500 + '" oops}')
    place, excerpt, mark = message.splitlines()
    assert "column 510" in place
    assert excerpt[mark.index("^")] == "o"
    assert len(excerpt) < 80


def test_control_characters_near_a_fault_are_not_printed():
    assert "\x1b" not in refusal('{"a": "\x1b[2J"}')


def test_an_empty_argument_is_not_json():
    assert refusal("") == "--input: not JSON at line 1, column 1: Expecting value"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "--input: a: duplicate key"),
        ('{"a": NaN}', "--input: a: NaN is not JSON"),
        ('{"a": {"b": 9007199254740993}}', "--input: a.b: number out of range"),
        ("[1]", "--input: expected a JSON object, found an array"),
        ('"text"', "--input: expected a JSON object, found a string"),
        ("true", "--input: expected a JSON object, found true or false"),
        ("null", "--input: expected a JSON object, found null"),
        ("7", "--input: expected a JSON object, found a number"),
        ("@/nowhere/input.json", "--input: cannot read /nowhere/input.json: No such file or directory"),
    ],
)
def test_what_the_server_would_refuse_is_refused_before_it_is_sent(text, reason):
    assert refusal(text) == reason


def test_a_file_is_named_in_the_complaint_about_its_content(tmp_path):
    file = tmp_path / "input.json"
    file.write_bytes(b'{"a": "\xff"}')
    assert refusal(f"@{file}") == f"--input ({file}): not UTF-8 at byte 7"


def test_a_key_file_gives_its_only_line(tmp_path):
    file = tmp_path / "admin.key"
    file.write_text("xase_pk_0123\n")
    assert read_secret(file) == "xase_pk_0123"


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"one\ntwo\n", b"\xff\xfe"])
def test_a_file_that_is_no_key_file_is_a_usage_error(tmp_path, content):
    file = tmp_path / "admin.key"
    file.write_bytes(content)
    with pytest.raises(Stop) as stop:
        read_secret(file)
    assert stop.value.code is ExitCode.USAGE
    assert str(file) in stop.value.message
