"""What `verify.sh` says of every published bundle: what it finds, and that it leaves the rest as it says."""

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from scripts.vectorlog import KEYS, VECTORS
from tests.unit.proof.test_verify_sh import TOOLS
from xase.proof.leaflet import VERIFY_SH

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS), reason="verify.sh needs openssl, sha256sum and common tools"
)

LEFT = {
    "entry_of_another_log", "entry_replaced", "history_rewritten", "log_truncated",
    "consistency_missing", "proof_cut_short", "proof_for_a_wrong_index", "proof_for_a_wrong_size", "entry_added",
    "witness_missing", "checkpoint_of_another_origin", "cosignature_moved",
}  # fmt: skip
"""Forgeries of steps 2 to 6 that only a Merkle proof, a witness, or the name that belongs to the log's key tells."""

UNPACKED = {"unlisted_file", "listed_file_missing"}
"""Of step 0: the others are forms of the archive, which nobody sees who unpacks it."""


def vectors(kind: str) -> list[tuple[str, int]]:
    index = json.loads((VECTORS / "bundles" / kind / "index.json").read_text())
    return [(each["file"].removesuffix(".zip"), each.get("step", -1)) for each in index]


FORGED = [(name, step) for name, step in vectors("invalid") if step in range(1, 7) or name in UNPACKED]
SENSELESS = [name for name, step in vectors("invalid") if step in {7, 8}]


def judge(kind: str, name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """As if the script lay in the unpacked bundle: published bundles are without the files that explain them."""
    with zipfile.ZipFile(io.BytesIO((VECTORS / "bundles" / kind / f"{name}.zip").read_bytes())) as archive:
        archive.extractall(folder / "bundle")
    pems = []
    for number, key in enumerate(json.loads((KEYS / "trusted.json").read_text())["keys"]):
        if key["use"] in {"log", "document"} and "public_key" in key:
            (folder / f"{number}.pem").write_text(key["public_key"])
            pems.append((key["use"], str(folder / f"{number}.pem")))
    named = dict(reversed(pems))
    command = ["sh", "-c", VERIFY_SH, "bundle/verify.sh", named["document"], named["log"]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", [name for name, _ in vectors("valid")])
def test_an_honest_bundle_verifies(tmp_path, name):
    done = judge("valid", name, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "step"), FORGED)
def test_a_forgery_of_what_it_checks_is_found_and_others_are_left(tmp_path, name, step):
    done = judge("invalid", name, tmp_path)
    assert done.returncode == (0 if name in LEFT else 6), done.stdout + done.stderr


@pytest.mark.parametrize("name", [SENSELESS[0], SENSELESS[-1]])
def test_what_makes_no_sense_is_left_and_said_so(tmp_path, name):
    done = judge("invalid", name, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    for left in (
        "Merkle proofs",
        "witnesses",
        "payloads' commitments",
        "interventions",
        "sessions, policies and times",
    ):
        assert left in said
