"""`xase evidence` and `xase verify`: from the server to a verdict that needs none."""

import json
import subprocess
import sys
from urllib.request import urlopen

import pytest

from tests.cli.conftest import BIN, record


@pytest.fixture
def bundle(xase_, server, tmp_path):
    """An exported bundle, and the public keys beside it."""
    with server.client() as client:
        (identifier,) = record(client, 1)
    answer = xase_("evidence", "export", "--record", identifier, "--purpose", "audit", "-o", "bundle.zip", "--json")
    assert answer.code == 0, answer.err
    with urlopen(f"{server.address}/.well-known/xase-signing-keys.json") as keys:
        (tmp_path / "keys.json").write_bytes(keys.read())
    return answer.json


def test_an_export_names_its_file_and_what_it_covers(bundle, tmp_path):
    assert bundle.keys() >= {"bundle_id", "status", "record_count", "entry_count", "size", "sha256", "file"}
    assert (bundle["file"], bundle["record_count"]) == ("bundle.zip", 1)
    assert (tmp_path / "bundle.zip").stat().st_size == bundle["size"]


def test_an_export_of_a_model_gets_a_name_of_its_own(xase_, bundle, tmp_path):
    answer = xase_("evidence", "export", "--model-id", "m", "--start-date", "2020-01-01", "--json")
    assert (tmp_path / f"{answer.json['bundle_id']}.zip").exists()


def test_an_export_without_payloads_discloses_nothing(xase_, bundle):
    answer = xase_("evidence", "export", "--model-id", "m", "--no-payloads", "--json")
    report = xase_("verify", answer.json["file"], "--key", "keys.json", "--json").json
    assert "payload parts" not in report["facts"] or report["facts"]["payload parts"] == 0


def test_an_export_says_how_to_verify_it(xase_, bundle):
    answer = xase_("evidence", "export", "--model-id", "m", "-o", "again.zip")
    assert "xase verify again.zip --key" in answer.err


def test_a_file_is_overwritten_only_when_asked(xase_, bundle, tmp_path):
    before = (tmp_path / "bundle.zip").read_bytes()
    assert xase_("evidence", "export", "--model-id", "m", "-o", "bundle.zip").code == 2
    assert (tmp_path / "bundle.zip").read_bytes() == before
    assert xase_("evidence", "export", "--model-id", "m", "-o", "bundle.zip", "--force").code == 0
    assert (tmp_path / "bundle.zip").read_bytes() != before


def test_an_export_of_an_unknown_record_leaves_no_file(xase_, tmp_path):
    assert xase_("evidence", "export", "--record", "rec_0000000000000000", "-o", "none.zip").code != 0
    assert not (tmp_path / "none.zip").exists()
    answer = xase_("evidence", "list")
    newest = next(line for line in answer.out.splitlines() if "bundle_" in line and "bundle_id" not in line)
    assert "FAILED" in newest
    assert newest.split()[-1] == "not_found"
    assert xase_("evidence", "list", "--json").json["data"][0]["error"]["code"] == "not_found"


def test_an_entry_is_shown_with_its_place_and_proof(xase_, server):
    with server.client() as client:
        (identifier,) = record(client, 1)
    proof = xase_("evidence", "show", identifier, "--json").json
    assert proof.keys() >= {"entry", "index", "tree_size", "inclusion_path", "checkpoint"}
    assert proof["entry"]["id"] == identifier
    assert f"entry {proof['index']} of {proof['tree_size']}" in xase_("evidence", "show", identifier).out


def test_a_true_bundle_is_verified_with_code_0(xase_, bundle):
    answer = xase_("verify", "bundle.zip", "--key", "keys.json", "--json")
    assert (answer.code, answer.json["exit_code"]) == (0, 0)
    assert answer.json["verdict"].startswith("VERIFIED")


def test_a_changed_byte_fails_with_code_6_and_a_place(xase_, bundle, tmp_path):
    forged = bytearray((tmp_path / "bundle.zip").read_bytes())
    forged[forged.index(b'"model_id":"m"') + 12] ^= 1
    (tmp_path / "forged.zip").write_bytes(forged)
    answer = xase_("verify", "forged.zip", "--key", "keys.json", "--json")
    assert answer.code == 6
    assert "entries.ndjson" in {finding["place"] for finding in answer.json["findings"]}


def test_without_a_trusted_key_nothing_is_judged(xase_, bundle):
    assert xase_("verify", "bundle.zip").code == 7


def test_the_installed_command_ends_with_the_same_code(bundle, tmp_path):
    done = subprocess.run(
        [BIN / "xase", "verify", "bundle.zip", "--key", "keys.json", "--json"],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["exit_code"] == 0


def test_verifying_loads_neither_network_code_nor_tables(bundle, tmp_path):
    """Nor the library that the command line is read with: it would take longer than the verification."""
    program = (
        "import json, sys, xase.cli\n"
        "sys.argv = ['xase', 'verify', 'bundle.zip', '--key', 'keys.json']\n"
        "try:\n    xase.cli.main()\n"
        "except SystemExit as end:\n"
        "    print(json.dumps([end.code, sorted({name.partition('.')[0] for name in sys.modules})]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert set(modules) & {"httpx2", "httpcore2", "ssl", "socket", "rich", "pydantic", "typer", "sqlite3"} == set()


def test_an_export_is_of_one_thing(xase_):
    assert xase_("evidence", "export", "--session", "sess_1", "--dataset", "ds_1").code == 2
    assert xase_("evidence", "export").code == 2


def test_an_export_of_an_unknown_session_leaves_no_file(xase_, server, tmp_path):
    assert xase_("evidence", "export", "--session", "sess_0000000000000000", "-o", "none.zip").code != 0
    assert not (tmp_path / "none.zip").exists()
