"""Bulk as NDJSON: one record a line, and nothing else.

A reader that parses every line expects a record in every line, so that batch ids have no place here: they
are in the session's events (`GET /v1/sessions/{id}/events`), in the order of the stream, with their counts.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from xase_server.delivery.chunks import Chunk, row_groups
from xase_server.delivery.records import json_lines
from xase_server.query.schema import Schema


class JsonLines:
    """Writes one stream."""

    def __init__(self, schema: pa.Schema, types: Schema) -> None:  # noqa: ARG002  every encoder is made alike
        self._types = types

    def batch(self, table: pa.Table, metadata: Mapping[str, str]) -> Iterator[Chunk]:  # noqa: ARG002  see above
        """The chunks of one batch, each of whole lines."""
        for rows in row_groups(table):
            yield json_lines(rows, self._types)

    @staticmethod
    def end() -> bytes:
        """Nothing: the last line has ended."""
        return b""
