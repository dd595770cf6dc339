"""Functions that the reference evaluator computes: they are rare, and their SQL would be long."""

from collections.abc import Mapping
from typing import Final

from xase_server.engines.duckdb.cells import Cell, NotNative
from xase_server.engines.duckdb.functions.checking import Compile
from xase_server.engines.duckdb.sql import Names
from xase_server.query.functions import sets

_TEXTS: Final = ("strcasecmp", "indexOfCP", "trim", "ltrim", "rtrim", "toBool")


def _elsewhere(name: str) -> Compile:
    def compile_(_names: Names, *_cells: Cell) -> Cell:
        raise NotNative(f"${name} runs outside SQL")

    return compile_


FUNCTIONS: Final[Mapping[str, Compile]] = {name: _elsewhere(name) for name in (*sets.FUNCTIONS, *_TEXTS)}
