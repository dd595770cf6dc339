"""Verifying a downloaded bundle offline."""

from os import PathLike
from pathlib import Path

from xase.errors import UntrustedKey
from xase.models import key_text
from xase.proof.keys import KeyMaterialError
from xase.proof.report import Report
from xase.proof.trust import read_trust
from xase.proof.verify import verify_bundle


def verify_file(path: Path, key: str | PathLike[str]) -> Report:
    """The report on the bundle in `path`, trusting `key` (text, or the name of its file) and nothing else."""
    try:
        trust = read_trust([key_text(key)])
    except KeyMaterialError as error:
        raise UntrustedKey(f"not a key to trust: {error}") from error
    return verify_bundle(path.read_bytes(), trust)
