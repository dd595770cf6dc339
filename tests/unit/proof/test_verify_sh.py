"""`verify.sh` in real unpacked bundles, with the machine's own sh, openssl and sha256sum."""

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.vectorlog import document_signer, log_signer
from xase.proof.bundle import build_bundle, read_bundle
from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest

TOOLS = ("sh", "openssl", "sha256sum", "sed", "tr", "grep", "find", "sort", "cut", "cmp", "awk", "od", "xargs")


@pytest.fixture
def unpacked(log, tmp_path) -> Path:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"verify.sh needs {', '.join(missing)}, not installed here")
    folder = tmp_path / "a bundle"
    for name, data in read_bundle(build_bundle(log.contents(range(4), start=1), document_signer())).files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (tmp_path / "key.pem").write_text(document_signer().public_pem)
    (tmp_path / "other.pem").write_text(document_signer("other-document").public_pem)
    (tmp_path / "log.pem").write_text(log_signer().public_pem)
    (tmp_path / "other-log.pem").write_text(log_signer(label="another").public_pem)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "verify.sh", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_an_honest_bundle_verifies(unpacked):
    done = run(unpacked, "../key.pem")
    assert done.returncode == 0, done.stderr
    assert "VERIFIED" in done.stdout
    assert "entries.ndjson: OK" in done.stdout


def sign_again(folder: Path) -> None:
    """What whoever holds the document key could do: name the files as they are now, and sign that."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for each in manifest["files"]:
        each["sha256"] = sha256_digest((folder / each["path"]).read_bytes()).removeprefix("sha256:")
    (folder / "manifest.json").write_bytes(canonical(manifest))
    (folder / "signatures" / "bundle.sig").write_bytes(document_signer().sign((folder / "manifest.json").read_bytes()))


def replace(file: Path, old: bytes, new: bytes) -> None:
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new, 1))


def test_with_the_logs_key_the_checkpoint_is_checked(unpacked):
    done = run(unpacked, "../key.pem", "../log.pem")
    assert done.returncode == 0, done.stderr
    assert "checkpoint: signed by this log key" in done.stdout
    assert "NOT CHECKED" in run(unpacked, "../key.pem").stdout


@pytest.mark.parametrize(("key", "code"), [("../other-log.pem", 6), ("../key.pem", 6), ("../none.pem", 7)])
def test_a_checkpoint_of_another_key_fails(unpacked, key, code):
    assert run(unpacked, "../key.pem", key).returncode == code


def test_a_checkpoint_that_was_not_signed_like_this_fails_though_the_manifest_is_signed(unpacked):
    text = (unpacked / "checkpoint").read_text()
    size = text.splitlines()[1]
    (unpacked / "checkpoint").write_text(text.replace(f"\n{size}\n", f"\n{int(size) + 1}\n", 1))
    sign_again(unpacked)
    assert run(unpacked, "../key.pem").returncode == 0, "nothing else names the size"
    done = run(unpacked, "../key.pem", "../log.pem")
    assert done.returncode == 6
    assert "the checkpoint's signature" in done.stderr


def test_an_entry_that_is_not_the_proofs_fails_though_the_manifest_is_signed(unpacked):
    replace(unpacked / "entries.ndjson", b'"confidence":0.', b'"confidence":1.')
    sign_again(unpacked)
    done = run(unpacked, "../key.pem")
    assert done.returncode == 6
    assert "hash" in done.stderr


def test_a_broken_stream_fails_though_manifest_and_hashes_are_right(log, unpacked):
    contents = log.contents(range(4), start=1)
    changed = bytearray(contents.entries[-1])
    place = changed.index(b'"previous_hash":"sha256:') + len(b'"previous_hash":"sha256:')
    changed[place] = ord("1") if changed[place] != ord("1") else ord("2")
    forged = dataclasses.replace(contents, entries=[*contents.entries[:-1], bytes(changed)])
    for name, data in read_bundle(build_bundle(forged, document_signer())).files.items():
        (unpacked / name).write_bytes(data)
    done = run(unpacked, "../key.pem")
    assert done.returncode == 6
    assert "does not follow" in done.stderr


def test_it_runs_from_anywhere(unpacked):
    done = subprocess.run(
        ["sh", f"{unpacked.name}/verify.sh", "key.pem"],
        cwd=unpacked.parent,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0


def test_an_absolute_key_path_is_taken(unpacked):
    assert run(unpacked, str(unpacked.parent / "key.pem")).returncode == 0


def test_without_a_key_it_says_how_to_use_it(unpacked):
    done = run(unpacked)
    assert done.returncode == 2
    assert "sh verify.sh PUBLIC_KEY.pem" in done.stderr


def test_the_key_inside_is_only_trusted_when_told(unpacked):
    done = run(unpacked, "--trust-bundled-key")
    assert done.returncode == 0
    assert "proves nothing" in done.stderr


@pytest.mark.parametrize(
    ("key", "code"), [("../other.pem", 6), ("../log.pem", 6), ("../none.pem", 7), ("verify.sh", 7), ("--x", 2)]
)
def test_another_key_does_not_verify(unpacked, key, code):
    assert run(unpacked, key).returncode == code


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("name", ["entries.ndjson", "checkpoint", "payloads/parts.ndjson", "report.html", "README.txt"])
def test_a_changed_file_fails(unpacked, name):
    flip(unpacked / name)
    done = run(unpacked, "../key.pem")
    assert done.returncode == 6
    assert f"{name}: FAILED" in done.stdout


@pytest.mark.parametrize("name", ["manifest.json", "signatures/bundle.sig"])
def test_a_changed_manifest_or_signature_fails(unpacked, name):
    flip(unpacked / name)
    assert run(unpacked, "../key.pem").returncode == 6


@pytest.mark.parametrize("name", ["proofs.json", "signatures/bundle.sig", "checkpoint_start"])
def test_a_missing_file_fails(unpacked, name):
    (unpacked / name).unlink()
    assert run(unpacked, "../key.pem").returncode == 6


@pytest.mark.parametrize("name", ["extra", "payloads/extra.ndjson", ".hidden", "two\nlines"])
def test_an_unlisted_file_fails(unpacked, name):
    (unpacked / name).write_text("x")
    done = run(unpacked, "../key.pem")
    assert done.returncode == 6
    assert "does not list" in done.stderr


def test_an_unlisted_link_fails(unpacked):
    (unpacked / "link").symlink_to("README.txt")
    assert run(unpacked, "../key.pem").returncode == 6


def test_a_folder_without_a_manifest_is_not_judged(unpacked):
    (unpacked / "manifest.json").unlink()
    assert run(unpacked, "../key.pem").returncode == 7


def test_a_scope_that_looks_like_a_file_list_changes_nothing(log, unpacked):
    scope = {"purpose": '{"path":"ghost","sha256":"' + "0" * 64 + '"}'}
    files = read_bundle(build_bundle(log.contents(range(4), start=1, scope=scope), document_signer())).files
    for name in ("manifest.json", "signatures/bundle.sig"):
        (unpacked / name).write_bytes(files[name])
    assert run(unpacked, "../key.pem").returncode == 0
