"""A verifier that shares no code with ours comes to the same verdict on every published bundle."""

import ast
import json
import runpy
import shutil
import subprocess
import sys

import pytest

from scripts.vectorlog import KEYS, VECTORS
from xase.proof.trust import read_trust
from xase.proof.verify import verify_bundle

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the second verifier needs openssl")
SECOND = runpy.run_path(str(VECTORS / "second_verifier.py"))["main"]
BUNDLES = [
    (f"{kind}/{vector['file']}", vector["quorum"], vector.get("exit_code", 0))
    for kind in ("valid", "invalid")
    for vector in json.loads((VECTORS / "bundles" / kind / "index.json").read_text())
]


@pytest.mark.parametrize(("file", "quorum", "code"), BUNDLES, ids=[file for file, *_ in BUNDLES])
def test_both_verifiers_agree(file, quorum, code):
    bundle, keys = VECTORS / "bundles" / file, [KEYS / "trusted.json", *([KEYS / "witness.vkey"] if quorum else [])]
    ours = verify_bundle(bundle.read_bytes(), read_trust([key.read_text() for key in keys])).exit_code
    theirs = SECOND([str(bundle), *map(str, keys)])
    assert (ours, theirs != 0) == (code, code != 0)


def test_it_imports_nothing_but_the_standard_library():
    tree = ast.parse((VECTORS / "second_verifier.py").read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [node.module if isinstance(node, ast.ImportFrom) else each.name for node in imports for each in node.names]
    assert names
    assert {str(name).partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("kind", "file", "code"), [("valid", "session", 0), ("invalid", "withdrawn_subject_released", 6)]
)
def test_it_runs_alone(tmp_path, kind, file, code):
    """From a folder of its own, by an interpreter that sees nothing that is installed."""
    script = shutil.copy(VECTORS / "second_verifier.py", tmp_path)
    bundle, keys = VECTORS / "bundles" / kind / f"{file}.zip", KEYS / "trusted.json"
    command = [sys.executable, "-I", "-S", script, bundle, keys]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr


def test_without_a_bundle_it_says_how_to_use_it(capsys):
    assert SECOND([]) == 2
    assert "second_verifier.py BUNDLE.zip KEYS.json" in capsys.readouterr().err
