"""The installed product: what a plain `pip install xase` brings, and what it does not."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LIGHT = {"cryptography", "httpx2", "rfc8785", "typer"}
SERVER_ONLY = {"alembic", "msgspec", "orjson", "prometheus_client", "psycopg", "pydantic", "sqlalchemy", "starlette"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel that would be published, built now."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("xase-*.whl")
    return zipfile.ZipFile(path)


def modules_after(statement: str) -> set[str]:
    """Top-level names of every module that a fresh interpreter holds after a statement."""
    program = f"import sys, json\n{statement}\nprint(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_the_base_dependencies_are_exactly_the_light_ones(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    required = Parser().parsestr(wheel.read(metadata).decode()).get_all("Requires-Dist") or []
    base = {line.partition(">")[0] for line in required if "extra ==" not in line}
    assert base == LIGHT


def test_the_wheel_holds_the_two_packages_their_types_and_their_sql(wheel):
    names = set(wheel.namelist())
    committed = {
        str(file.relative_to(REPOSITORY / "src"))
        for pattern in ("py.typed", "*.sql")
        for file in (REPOSITORY / "src").rglob(pattern)
    }
    assert {"xase/py.typed", "xase_server/py.typed"} <= committed <= names
    assert {Path(name).parts[0] for name in names if "dist-info" not in name} == {"xase", "xase_server"}


def test_importing_the_sdk_loads_nothing_of_the_server():
    assert modules_after("import xase; xase.Client; xase.AsyncClient") & (SERVER_ONLY | {"xase_server"}) == set()


def test_importing_the_sdk_loads_no_http_client_before_one_is_asked_for():
    assert "httpx2" not in modules_after("import xase")


def test_verifying_loads_no_network_code():
    assert modules_after("import xase.cli.verify; import xase.proof") & {"httpx2", "httpcore2", "ssl"} == set()


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("runtime.txt", []),
        ("server.txt", ["server", "postgres"]),
        ("dev.txt", ["server", "postgres", "demo", "dev"]),
    ],
)
def test_the_pinned_versions_meet_what_the_project_asks_for(file, extras):
    lines = re.findall(r"^([\w.-]+)==([^\s;]+)", (REPOSITORY / "requirements" / file).read_text(), re.MULTILINE)
    pinned = {name.lower(): version for name, version in lines}
    asked = PROJECT["dependencies"] + [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    requirements = [Requirement(line) for line in asked]
    assert [str(r) for r in requirements if not r.specifier.contains(pinned.get(r.name.lower(), "0"))] == []


def test_the_changelog_has_the_version():
    assert f"## [{PROJECT['version']}]" in (REPOSITORY / "CHANGELOG.md").read_text()
