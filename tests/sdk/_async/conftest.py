"""A client of this colour."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from xase import AsyncClient


@pytest.fixture
async def client(options: dict[str, Any]) -> AsyncIterator[AsyncClient]:
    """The administrator's client of the real server."""
    async with AsyncClient(**options) as client:
        yield client
