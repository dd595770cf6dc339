"""`xase verify` as people call it: a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.vectorlog import VECTORS, document_signer, log_signer
from xase.cli.judge import Question, read_plain

GOOD = str(VECTORS / "bundles/valid/whole_log.zip")
WITNESSED = str(VECTORS / "bundles/valid/witnessed.zip")
FORGED = str(VECTORS / "bundles/invalid/nested_field_changed.zip")
CUT = str(VECTORS / "bundles/invalid/truncated_file.zip")
KEYS = str(VECTORS / "keys/trusted.json")
WITNESS = str(VECTORS / "keys/witness.vkey")


def xase(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from xase.cli import main; main()", "verify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((GOOD, "--key", KEYS), 0, "VERIFIED, UNWITNESSED\n"),
        ((WITNESSED, "--key", KEYS, "--key", WITNESS), 0, "VERIFIED\n"),
        ((GOOD, "--key", KEYS, "--key", WITNESS), 6, "0 of 1 witnesses"),
        ((GOOD, "--key", KEYS, "--key", WITNESS, "--quorum", "0"), 0, "VERIFIED, UNWITNESSED\n"),
        ((FORGED, "--key", KEYS), 6, "entry 0 (rec_0000000000000001)"),
        ((CUT, "--key", KEYS), 7, "NOT JUDGED"),
        ((GOOD, f"--key={KEYS}"), 0, "VERIFIED"),
        (("--help",), 0, "--key"),
    ],
    ids=["good", "witnessed", "no witness", "quorum", "forged", "cut", "equals sign", "help"],
)
def test_the_verdict_is_printed_and_is_the_exit_code(arguments, code, said):
    done = xase(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stdout


def test_without_a_key_nothing_is_judged():
    done = xase(GOOD)
    assert done.returncode == 7
    assert "--key" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(("bundle", "said"), [("no-such-file.zip", "cannot read"), (str(VECTORS), "is a folder")])
def test_what_cannot_be_read_is_not_judged(bundle, said):
    done = xase(bundle, "--key", KEYS)
    assert (done.returncode, said in done.stderr) == (7, True)


def test_a_bad_key_file_is_a_mistake_of_the_command_line(tmp_path):
    for content in (b"", b"text", b"\xff\xfe"):
        file = tmp_path / "key"
        file.write_bytes(content)
        assert xase(GOOD, "--key", str(file)).returncode == 2
    assert xase(GOOD, "--key", str(tmp_path / "none")).returncode == 2


def test_pem_and_verifier_line_together_are_enough(tmp_path):
    document, log = tmp_path / "document.pem", tmp_path / "log.vkey"
    document.write_text(document_signer().public_pem)
    log.write_text(log_signer().vkey)
    assert xase(GOOD, "--key", str(document), "--key", str(log)).returncode == 0
    assert xase(GOOD, "--key", str(document)).returncode == 7


def test_json_is_for_programs():
    done = xase(FORGED, "--key", KEYS, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == report["exit_code"] == 6
    assert report["verdict"] == "FAILED"
    assert report["findings"][0]["step"] == 3


def test_no_network_code_is_loaded():
    probe = (
        "import sys; sys.argv = ['xase', 'verify', *sys.argv[1:]]\n"
        "from xase.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'socket', 'ssl', 'httpx2', 'typer', 'pydantic', 'xase._client'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", probe, GOOD, "--key", KEYS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["b"], Question(Path("b"))),
        (["--key", "k", "b", "--json", "--key", "l"], Question(Path("b"), [Path("k"), Path("l")], None, as_json=True)),
        (["b", "--quorum", "2"], Question(Path("b"), [], 2)),
        ([], None),
        (["a", "b"], None),
        (["b", "--key"], None),
        (["b", "--quorum", "-1"], None),
        (["b", "--quorum", "many"], None),
        (["b", "--help"], None),
        (["-h"], None),
        (["b", "--key=k"], None),
        (["b", "--unknown"], None),
    ],
    ids=range(12),
)
def test_only_plain_arguments_are_read_without_the_framework(arguments, question):
    assert read_plain(arguments) == question
