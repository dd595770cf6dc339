"""The database file of a dataset version: built once from its rows, opened read-only."""

from contextlib import closing
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

    Nothing outside is read: the rows come from memory. Raises VersionUnavailable.
    """
    columns = ", ".join(f"{_quoted(name)} {_stored(type_)}" for name, type_ in schema.members)
    try:
        with closing(duckdb.connect(str(database), config=_SETTINGS)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"CREATE TABLE {TABLE} ({columns})")
            connection.register("incoming", rows)
            connection.execute(f"INSERT INTO {TABLE} SELECT * FROM incoming")  # noqa: S608 -- two names of ours
    except duckdb.Error as error:
        raise VersionUnavailable(f"the database of the version cannot be built ({type(error).__name__})") from None


_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "500MB",
    "threads": 2,
    "temp_directory": "",
}


def open_engine(database: Path, schema: Schema) -> DuckDBEngine:
    """An engine over such a file; raises VersionUnavailable. It is closed when it is forgotten."""
    try:
        return DuckDBEngine(open_locked(database), TABLE, schema)
    except duckdb.Error as error:
        raise VersionUnavailable(f"the database of the version cannot be opened ({type(error).__name__})") from None


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _stored(type_: Type) -> str:
    if isinstance(type_, ListOf):
        return f"{_stored(type_.element)}[]"
    if isinstance(type_, Struct):
        return f"STRUCT({', '.join(f'{_quoted(name)} {_stored(member)}' for name, member in type_.members)})"
    return _NAMES[type_.kind]
