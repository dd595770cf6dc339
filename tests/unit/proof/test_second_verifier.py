"""A verifier that shares no code with ours comes to the same verdict on every published bundle."""

import json
import runpy
import shutil

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


def test_without_a_bundle_it_says_how_to_use_it(capsys):
    assert SECOND([]) == 2
    assert "second_verifier.py BUNDLE.zip KEYS.json" in capsys.readouterr().err
