"""Bulk as CSV (RFC 4180, lines end with a line feed): one header, dates as in JSON, what is nested as JSON text.

A null is an empty field, an empty text `""`. Batch ids have no place here; see `ndjson`.
"""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.csv

from xase_server.delivery.chunks import Chunk, row_groups
from xase_server.delivery.nesting import Column
from xase_server.delivery.records import json_lines, written_alike
from xase_server.query.schema import ListOf, Schema, Struct, Type


class CsvLines:
    """Writes one stream."""

    def __init__(self, schema: pa.Schema, types: Schema) -> None:
        self._schema = schema
        self._types = types
        self._headed = False

    def batch(self, table: pa.Table, metadata: Mapping[str, str]) -> Iterator[Chunk]:  # noqa: ARG002  no place for it
        """The chunks of one batch, each of whole lines; before the first one the header."""
        for rows in row_groups(table):
            yield self._lines(rows)

    def end(self) -> bytes:
        """The header where no row has come before; else nothing."""
        return b"" if self._headed else self._lines(self._schema.empty_table())

    def _lines(self, table: pa.Table) -> bytes:
        flat = pa.table({name: _flat(table.column(name), type_) for name, type_ in self._types.members})
        written = BytesIO()
        options = pyarrow.csv.WriteOptions(include_header=not self._headed)
        pyarrow.csv.write_csv(written_alike(flat), written, options)
        self._headed = True
        return written.getvalue()


def _flat(column: Column, type_: Type) -> Column:
    """The column, or the JSON text of its values where they have parts."""
    if not isinstance(type_, ListOf | Struct):
        return column
    lines = json_lines(pa.table({"v": column}), Struct((("v", type_),))).splitlines()
    return pa.array([_value_text(line) for line in lines], pa.string())


_BEFORE, _AFTER = len(b'{"v":'), len(b"}")


def _value_text(line: bytes) -> Any:
    return line[_BEFORE:-_AFTER] or None
