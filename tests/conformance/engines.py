"""The engines under test, each as a way to open one over rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from xase_server.engines.contract import Engine
from xase_server.engines.memory import MemoryEngine
from xase_server.query.schema import Schema

Opener = Callable[[Schema, Sequence[dict[str, Any]]], AbstractContextManager[Engine]]


@contextmanager
def memory(schema: Schema, rows: Sequence[dict[str, Any]]) -> Iterator[Engine]:
    yield MemoryEngine(rows)


ENGINES = [pytest.param(memory, id="memory")]
