"""The database file of a dataset version: built once from its rows, opened read-only."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

from xase_server.engines.duckdb.connection import open_locked
from xase_server.engines.duckdb.engine import DuckDBEngine
from xase_server.ports.datasets import VersionUnavailable
from xase_server.query.schema import Kind, ListOf, Schema, Struct, Type

TABLE = "records"

_NAMES = {
    Kind.NULL: "INTEGER",  # a column without values needs some type
    Kind.BOOL: "BOOLEAN",
    Kind.INT: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.STRING: "VARCHAR",
    Kind.DATE: "TIMESTAMP",
    Kind.JSON: "JSON",
}


def build_database(rows: pa.RecordBatchReader, database: Path, schema: Schema) -> None:
    """Write the rows, in their order, as the one table of a new file. Not yet synced to disk on return.

    Memory is bounded; what does not fit waits in files beside the database, which are gone on return. Nothing
    else outside is read or written. Raises VersionUnavailable.
    """
    waiting = iter(rows)
    first = list(islice(waiting, 1))
    incoming = pa.RecordBatchReader.from_batches(rows.schema, chain(first, waiting))
    settings = {**_SETTINGS, "temp_directory": f"{database}.spill"}
    try:
        with closing(duckdb.connect(config=settings)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            place = exp.Literal.string(str(database)).sql("duckdb")
            connection.execute(f"ATTACH {place} AS version (ROW_GROUP_SIZE {_group_rows(first)})")
            connection.execute("USE version")
            connection.execute("SET enable_external_access = false")
            connection.execute(f"CREATE TABLE {TABLE} ({columns(schema)})")
            connection.register("incoming", incoming)
            connection.execute(f"INSERT INTO {TABLE} SELECT * FROM incoming")  # noqa: S608 -- two names of ours
            connection.execute("CHECKPOINT version")
    except duckdb.Error as error:
        raise VersionUnavailable(f"the database of the version cannot be built ({type(error).__name__})") from None
    finally:
        shutil.rmtree(f"{database}.spill", ignore_errors=True)


def _group_rows(first: Sequence[pa.RecordBatch]) -> int:
    """So many rows that each thread can hold a row group, whole, while it is made; by the looks of the first batch."""
    rows, size = sum(each.num_rows for each in first), sum(each.nbytes for each in first)
    fitting = _GROUP_BYTES * rows // max(size, 1)
    return max(1, min(_GROUP_VECTORS, fitting // _VECTOR)) * _VECTOR if rows else _GROUP_VECTORS * _VECTOR


_VECTOR = 2048
_GROUP_VECTORS = 60
"""DuckDB's own unit, and how many of them it puts into a row group."""
_GROUP_BYTES = 64 << 20

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "500MB",
    "threads": 2,
}


def open_engine(database: Path, schema: Schema) -> DuckDBEngine:
    """An engine over such a file; raises VersionUnavailable. It is closed when it is forgotten."""
    try:
        return DuckDBEngine(open_locked(database), TABLE, schema)
    except duckdb.Error as error:
        raise VersionUnavailable(f"the database of the version cannot be opened ({type(error).__name__})") from None


def columns(schema: Schema) -> str:
    """The columns of such a table. Their names are ours: one of a caller's could be a lambda's, or `rowid`."""
    return ", ".join(f"f{place} {_stored(type_)}" for place, (_, type_) in enumerate(schema.members))


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _stored(type_: Type) -> str:
    if isinstance(type_, ListOf):
        return f"{_stored(type_.element)}[]"
    if isinstance(type_, Struct):
        return f"STRUCT({', '.join(f'{_quoted(name)} {_stored(member)}' for name, member in type_.members)})"
    return _NAMES[type_.kind]
