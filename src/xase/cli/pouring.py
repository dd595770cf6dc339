"""Data records on their way into a file or to standard output, in one of three forms."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xase.cli.exits import ExitCode, Stop

if TYPE_CHECKING:
    from xase.models import Batch


class Format(StrEnum):
    """Forms of many data records."""

    NDJSON = "ndjson"
    CSV = "csv"
    ARROW = "arrow"


def pour(stream: "Iterable[Batch]", format: Format, file: Path | None) -> dict[str, Any]:
    """Write every batch; the answer says how much it was, and where it is. A file appears whole or not at all."""
    count = _Count(stream)
    pieces = _WRITERS[format](count)
    if file is None:
        _show(pieces)
        return {"records": count.records, "batches": count.batches}
    from xase._client.files import AtomicFile

    with AtomicFile(file) as target:
        for piece in pieces:
            target.write(piece)
        target.keep()
        return {"records": count.records, "batches": count.batches, "file": str(file), "sha256": target.sha256}


def _show(pieces: Iterable[bytes]) -> None:
    """The pieces on standard output, until whoever reads them has enough."""
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere


class _Count:
    """Batches as they are, counted."""

    def __init__(self, stream: "Iterable[Batch]") -> None:
        self._stream = stream
        self.records = 0
        self.batches = 0

    def __iter__(self) -> "Iterator[Batch]":
        for batch in self._stream:
            yield batch
            self.batches += 1
            self.records += len(batch)


def _as_ndjson(stream: "Iterable[Batch]") -> Iterator[bytes]:
    for batch in stream:
        yield "".join(f"{_text(row)}\n" for row in batch.to_dicts()).encode()


def _as_csv(stream: "Iterable[Batch]") -> Iterator[bytes]:
    """RFC 4180 with line feeds; what is nested is JSON text, a null an empty field."""
    columns: list[str] = []
    for batch in stream:
        written = StringIO()
        writer = csv.writer(written, lineterminator="\n")
        if not columns:
            columns = batch.columns
            writer.writerow(columns)
        if unknown := set(batch.columns) - set(columns):
            raise Stop(
                f'{min(unknown)} was not in the first batch: csv needs pip install "xase[arrow]"', ExitCode.USAGE
            )
        writer.writerows([_cell(row.get(name)) for name in columns] for row in batch.to_dicts())
        yield written.getvalue().encode()


def _as_arrow(stream: "Iterable[Batch]") -> Iterator[bytes]:
    """One Arrow stream; its schema is that of the first batch."""
    from xase.models.tables import need

    arrow, sink, writer = need("pyarrow"), BytesIO(), None
    for batch in stream:
        table = batch.to_arrow()
        if writer is None:
            writer = arrow.ipc.new_stream(sink, table.schema)
        writer.write_table(table)
        yield _taken(sink)
    if writer is not None:
        writer.close()
        yield _taken(sink)


def _taken(sink: BytesIO) -> bytes:
    """What was written since the last time."""
    content = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return content


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_WRITERS: Final[Mapping[Format, Callable[["Iterable[Batch]"], Iterator[bytes]]]] = {
    Format.NDJSON: _as_ndjson,
    Format.CSV: _as_csv,
    Format.ARROW: _as_arrow,
}
