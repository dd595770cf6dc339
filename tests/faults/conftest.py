"""What the fault tests share: the traced C library and the length of the run."""

import os
from pathlib import Path

import pytest

from tests.faults import iotrace


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared object that traces and disturbs system calls."""
    return iotrace.build(tmp_path_factory.mktemp("iotrace"))


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether to run in full length (`make faults`) or in the short form of the default suite."""
    return os.environ.get("XASE_FAULTS") == "full"
