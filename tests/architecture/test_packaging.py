"""The installed product: what a plain `pip install xase` brings, and what it does not."""

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
SERVER_ONLY = [
    "alembic",
    "duckdb",
    "jinja2",
    "msgspec",
    "orjson",
    "prometheus_client",
    "psycopg",
    "psycopg_pool",
    "pyarrow",
    "pydantic",
    "sqlalchemy",
    "sqlglot",
    "structlog",
    "uvicorn",
    "uvloop",
    "xase_server",
]
VECTORS = REPOSITORY / "vectors"


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


def light_python(statement: str) -> str:
    """What a fresh interpreter prints that has the base dependencies only: whatever the server needs is missing."""
    missing = f"import sys; sys.modules.update(dict.fromkeys({SERVER_ONLY}))"
    run = subprocess.run([sys.executable, "-c", f"{missing}\n{statement}"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def modules_after(statement: str) -> set[str]:
    """Top-level names of every module that a light interpreter holds after a statement."""
    names = light_python(f"{statement}\nprint(*{{m.partition('.')[0] for m, held in sys.modules.items() if held}})")
    return set(names.split())


def test_the_base_dependencies_are_exactly_the_light_ones(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    required = Parser().parsestr(wheel.read(metadata).decode()).get_all("Requires-Dist") or []
    base = {line.partition(">")[0] for line in required if "extra ==" not in line}
    assert base == LIGHT


def test_the_wheel_holds_the_two_packages_and_all_that_is_no_python(wheel):
    names = set(wheel.namelist())
    committed = {
        str(file.relative_to(REPOSITORY / "src"))
        for pattern in ("py.typed", "*.sql", "*.ttf", "*.html")
        for file in (REPOSITORY / "src").rglob(pattern)
    }
    assert {"xase/py.typed", "xase_server/py.typed"} <= committed <= names
    assert {Path(name).parts[0] for name in names if "dist-info" not in name} == {"xase", "xase_server"}


def test_the_light_install_has_clients_and_commands():
    light_python(
        "import xase; xase.Client; xase.AsyncClient; import xase.cli.records, xase.cli.sessions, xase.cli.sync"
    )


def test_the_light_install_verifies_a_bundle():
    bundle, keys = VECTORS / "bundles" / "valid" / "whole_log.zip", VECTORS / "keys" / "trusted.json"
    printed = light_python(
        f"""
import sys
from xase.cli import main
sys.argv = ["xase", "verify", {str(bundle)!r}, "--key", {str(keys)!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    )
    assert printed.splitlines()[0].startswith("VERIFIED")


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
