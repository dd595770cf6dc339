"""The engines under test, each as a way to open one over rows."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

import duckdb
import pytest

from xase_server.datasets.union import json_text
from xase_server.engines.duckdb import DuckDBEngine
from xase_server.engines.duckdb.connection import lock, open_locked
from xase_server.engines.duckdb.files import columns
from xase_server.engines.memory import MemoryEngine
from xase_server.ports.engines import Engine
from xase_server.query.limits import DEFAULTS, QuerySettings
from xase_server.query.schema import JSON, Kind, ListOf, Scalar, Schema, Struct, Type

Opener = Callable[[Schema, Sequence[dict[str, Any]]], AbstractContextManager[Engine]]


@contextmanager
def memory(schema: Schema, rows: Sequence[dict[str, Any]]) -> Iterator[Engine]:
    yield MemoryEngine(rows)


@functools.cache
def empty_database() -> duckdb.DuckDBPyConnection:
    """One database for all tests of a process: opening it costs more than most queries."""
    connection = open_locked(threads=1)
    lock(connection)
    return connection


@contextmanager
def duck(schema: Schema, rows: Sequence[dict[str, Any]], limits: QuerySettings = DEFAULTS) -> Iterator[DuckDBEngine]:
    connection = empty_database()
    connection.execute(f"CREATE OR REPLACE TABLE records ({columns(schema)})")
    if rows:
        one = f"({', '.join('?' * len(schema.members))})"
        values = [filled(row.get(name), type_) for row in rows for name, type_ in schema.members]
        connection.execute(f"INSERT INTO records VALUES {', '.join([one] * len(rows))}", values)
    yield DuckDBEngine(connection, "records", schema, limits)


def filled(value: Any, type_: Type) -> Any:
    """A value as DuckDB binds it: whole structs, JSON as text, naive instants."""
    if value is None:
        return None
    if type_ == JSON:
        return json_text(value)
    if isinstance(type_, ListOf):
        return [filled(each, type_.element) for each in value]
    if isinstance(type_, Struct):
        return {name: filled(value.get(name), member) for name, member in type_.members}
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return float(value) if type_ == Scalar(Kind.FLOAT) else value


ENGINES = [pytest.param(memory, id="memory"), pytest.param(duck, id="duckdb")]
