"""Bulk as an Arrow IPC stream: dates stay timestamps, mixed columns JSON text that says so."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import pyarrow as pa

from xase_server.delivery.chunks import Chunk, gathered
from xase_server.delivery.exact import exact
from xase_server.query.schema import JSON, ListOf, Schema, Struct, Type

JSON_FIELD: Final = {b"xase:type": b"json"}
"""The metadata of a field whose values are JSON text."""


class ArrowStream:
    """Writes one stream. Its chunks show the memory of the tables; only bits, offsets and what is short are copied."""

    def __init__(self, schema: pa.Schema, types: Schema, compression: Literal["zstd"] | None = None) -> None:
        self._schema = marked(schema, types)
        self._written = _Pieces()
        options = pa.ipc.IpcWriteOptions(compression=compression)
        sink: Any = self._written  # whatever has `write` will do
        self._writer: Any = pa.ipc.new_stream(sink, self._schema, options=options)

    def batch(self, table: pa.Table, metadata: Mapping[str, str]) -> Iterator[Chunk]:
        """The chunks of one record batch that carries the metadata; before the first one the schema.

        A table of several chunks is joined. One with more text in a column than Arrow holds in one array
        (2 GiB) is several record batches with the same metadata.
        """
        for part in table.combine_chunks().to_batches():
            columns = [exact(column) for column in part.columns]
            own = pa.RecordBatch.from_arrays(columns, schema=self._schema)
            self._writer.write_batch(own, custom_metadata=dict(metadata))
            yield from gathered(self._written.taken())

    def end(self) -> bytes:
        """The end of the stream; of a stream without batches all of it."""
        self._writer.close()
        return b"".join(self._written.taken())


class _Pieces:
    """A file for Arrow's writer that keeps what it is given instead of copying it."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[Chunk] = []

    def write(self, data: bytes | pa.Buffer) -> int:
        piece: Chunk = data if isinstance(data, bytes) else memoryview(data)
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> list[Chunk]:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""


def marked(schema: pa.Schema, types: Schema) -> pa.Schema:
    """The schema with JSON_FIELD at every field of mixed types, and no other metadata."""
    return pa.schema([_field(field, _type_of(types, field.name)) for field in schema])


def _field(field: Any, type_: Type) -> "pa.Field[Any]":
    metadata = JSON_FIELD if type_ == JSON else None
    return pa.field(field.name, _arrow_type(field.type, type_), field.nullable, metadata)


def _arrow_type(arrow: Any, type_: Type) -> pa.DataType:
    if isinstance(type_, Struct):
        return pa.struct([_field(field, _type_of(type_, field.name)) for field in arrow.fields])
    if isinstance(type_, ListOf):
        kind: Any = pa.large_list if pa.types.is_large_list(arrow) else pa.list_
        return kind(_field(arrow.value_field, type_.element))  # type: ignore[no-any-return]
    return arrow  # type: ignore[no-any-return]


def _type_of(type_: Struct, name: str) -> Type:
    member = type_.member(name)
    if member is None:
        raise ValueError("a column has no type")
    return member
