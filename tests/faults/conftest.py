"""What the fault tests share: the traced C library and the length of the run."""

import os
from pathlib import Path

import pytest

from tests.faults import iotrace
from tests.simulator import ORIGIN
from xase_server.home import Home


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared object that traces and disturbs system calls."""
    return iotrace.build(tmp_path_factory.mktemp("iotrace"))


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether to run in full length (`make faults`) or in the short form of the default suite."""
    return os.environ.get("XASE_FAULTS") == "full"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys folder of a home, made once."""
    home = Home(tmp_path_factory.mktemp("keys"))
    home.prepare()
    home.custody(ORIGIN, now_ms=0)
    return home.keys
