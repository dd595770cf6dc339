"""What no committed file may hold: a registry's address, one machine's paths, a path that leaves the repository."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# spelled in pieces, so that this file does not hold what it looks for
DOT = "."
REGISTRY_HOSTS = (
    f"pypi{DOT}org",
    f"pythonhosted{DOT}org",
    f"npmjs{DOT}org",
    f"deb{DOT}debian{DOT}org",
)
MACHINE_PATHS = re.compile(r"(?<![\w.\]})])/(?:work|tmp/w|opt/wheels)/")
CLIMB = re.compile(r"(?:\.\./)+")


@pytest.fixture(scope="module")
def committed() -> dict[Path, str]:
    """Every file that git holds or would take, as text."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout, so which files are committed is unknown")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [REPOSITORY / name for name in listed.stdout.split("\0") if name]
    return {file.relative_to(REPOSITORY): file.read_text(errors="replace") for file in files if file.is_file()}


def test_no_file_names_a_package_registry(committed):
    found = [f"{file}: {host}" for file, text in committed.items() for host in REGISTRY_HOSTS if host in text]
    assert found == []


def test_no_file_names_a_path_of_one_machine(committed):
    assert [str(file) for file, text in committed.items() if MACHINE_PATHS.search(text)] == []


def test_no_path_leaves_the_repository(committed):
    """Tests and vectors are let off: they hold forged archives whose member names climb on purpose."""
    climbing = [
        f"{file}: {climb}"
        for file, text in committed.items()
        if file.parts[0] not in {"tests", "vectors"}
        for climb in CLIMB.findall(text)
        if climb.count("..") > len(file.parts) - 1
    ]
    assert climbing == []


def test_requirements_are_pinned_hashed_and_without_addresses(committed):
    pages = {file: text for file, text in committed.items() if file.parts[0] == "requirements"}
    assert {file.stem for file in pages} == {"dev", "runtime", "server", "uv"}
    pinned = re.compile(r"(?:[\w.\[\]-]+==[^\n\\]+\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)+")
    assert [str(file) for file, text in pages.items() if not pinned.fullmatch(text)] == []
