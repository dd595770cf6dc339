"""Data on its way to the server: a file, an open file or a table, read piece by piece and never held whole."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from xase.errors import ConfigurationError

OCTETS: Final = "application/octet-stream"
ARROW: Final = "application/vnd.apache.arrow.stream"
MEDIA: Final = {
    ".parquet": "application/vnd.apache.parquet",
    ".pq": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
    ".feather": "application/vnd.apache.arrow.file",
    ".arrows": ARROW,
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
}
_PIECE: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Source:
    """What is sent: its media type, its size when that is known, and its bytes, each time from the beginning."""

    media: str
    size: int | None
    pieces: Callable[[], Iterator[bytes]]
    is_repeatable: bool = True


def source_of(file: str | os.PathLike[str] | IO[bytes] | None, data: Any) -> Source | None:
    """The source that is meant by a path or an open binary file, or by a table; None for neither.

    Raises ConfigurationError for both, for a file that cannot be read, and for data that is no table.
    """
    if file is not None and data is not None:
        raise ConfigurationError("give either file or data")
    if data is not None:
        return _of_table(data)
    if isinstance(file, str | os.PathLike):
        return _of_path(Path(file).expanduser())
    return None if file is None else _of_open_file(file)


def _of_path(path: Path) -> Source:
    try:
        size = path.stat().st_size
        path.open("rb").close()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as stream:
            yield from _read(stream)

    return Source(MEDIA.get(path.suffix.lower(), OCTETS), size, pieces)


def _of_open_file(stream: IO[bytes]) -> Source:
    if not stream.seekable():
        return Source(OCTETS, None, lambda: _read(stream), is_repeatable=False)
    start = stream.tell()

    def pieces() -> Iterator[bytes]:
        stream.seek(start)
        return _read(stream)

    return Source(OCTETS, None, pieces)


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def _of_table(data: Any) -> Source:
    from xase.models.tables import need

    arrow = need("pyarrow")
    if isinstance(data, arrow.RecordBatchReader):
        return Source(ARROW, None, lambda: _written(arrow, data), is_repeatable=False)
    table = _table(arrow, data)
    return Source(ARROW, None, lambda: _written(arrow, table.to_reader()))


def _table(arrow: Any, data: Any) -> Any:
    if isinstance(data, arrow.Table):
        return data
    if isinstance(data, arrow.RecordBatch):
        return arrow.Table.from_batches([data])
    if type(data).__module__.partition(".")[0] == "pandas":
        return arrow.Table.from_pandas(data, preserve_index=False)
    if hasattr(data, "__arrow_c_stream__"):
        return arrow.RecordBatchReader.from_stream(data).read_all()
    raise ConfigurationError("data must be a table of pyarrow, pandas or polars, or have __arrow_c_stream__")


def _written(arrow: Any, reader: Any) -> Iterator[bytes]:
    sink = _Sink()
    with arrow.ipc.new_stream(sink, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


class _Sink:
    """Takes what Arrow writes."""

    closed = False

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, piece: Any) -> int:
        """Hold a piece."""
        self._held += piece
        return len(piece)

    def flush(self) -> None:
        """Nothing to do."""

    def take(self) -> bytes:
        """All that is held."""
        held = bytes(self._held)
        self._held.clear()
        return held
