"""The forms in which data leaves, by media type: what a caller may accept, and what writes it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

import pyarrow as pa

from xase_server.delivery.arrow import ArrowStream
from xase_server.delivery.chunks import Chunk
from xase_server.delivery.csv import CsvLines
from xase_server.delivery.ndjson import JsonLines
from xase_server.query.schema import Schema

JSON_PAGE: Final = "application/json"
"""One page in an envelope: `records.json_records`."""


class Encoder(Protocol):
    """Writes one stream of batches; what comes before the first batch comes with it."""

    def batch(self, table: pa.Table, metadata: Mapping[str, str]) -> Iterator[Chunk]:
        """The chunks of one batch; nothing is computed before the first one is asked for."""
        ...

    def end(self) -> bytes:
        """What follows the last batch."""
        ...


BULK: Final[Mapping[str, Callable[[pa.Schema, Schema], Encoder]]] = {
    "application/vnd.apache.arrow.stream": ArrowStream,
    "application/x-ndjson": JsonLines,
    "text/csv": CsvLines,
}
"""What writes the whole rest of a query, made for the schema after `Shape.apply` and for its types."""

MEDIA_TYPES: Final = (JSON_PAGE, *BULK)


def chosen(accept: str) -> str | None:
    """The media type that an Accept header likes best (RFC 9110, 12.5.1), the earlier of MEDIA_TYPES of equals.

    None when it accepts none of them; JSON_PAGE for a header that says nothing.
    """
    if not accept.strip():
        return JSON_PAGE
    ranges = [_range(each) for each in accept.split(",")]
    liked = {media: _quality(media, ranges) for media in MEDIA_TYPES}
    best = max(MEDIA_TYPES, key=liked.__getitem__)
    return best if liked[best] > 0 else None


def zstd_frames(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Each chunk as a zstd frame of its own; together they are one body of `Content-Encoding: zstd` (RFC 8878)."""
    codec = pa.Codec("zstd", compression_level=1)
    return (codec.compress(chunk, asbytes=True) for chunk in chunks if chunk)


class Zstd:
    """Another encoder's stream, compressed chunk by chunk."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def batch(self, table: pa.Table, metadata: Mapping[str, str]) -> Iterator[bytes]:
        """See `Encoder.batch`."""
        return zstd_frames(self._encoder.batch(table, metadata))

    def end(self) -> bytes:
        """See `Encoder.end`."""
        return b"".join(zstd_frames([self._encoder.end()]))


def _range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return name, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return name, 0.0


def _quality(media: str, ranges: list[tuple[str, float]]) -> float:
    """The quality of the narrowest range that a media type falls into."""
    for wanted in (media, media.partition("/")[0] + "/*", "*/*"):
        found = [quality for name, quality in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0
