"""One scene for each test: in memory unless a test asks for another store."""

from collections.abc import Iterator

import pytest

from tests.contract.logs import running_log
from tests.unit.access.scene import Scene
from xase_server.storage.memory import MemoryStorage


@pytest.fixture
def scene() -> Iterator[Scene]:
    """A dataset with a policy that permits everything, and a gate."""
    with running_log(MemoryStorage()) as log:
        made = Scene(log)
        made.policy()
        made.dataset()
        yield made
