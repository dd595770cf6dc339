"""An Arrow stream taken apart as its bytes arrive: whole record batches, whatever the chunks.

Only the framing is read here, pyarrow reads what is in the frames; it would wait for bytes itself, and
an event loop cannot. Source: Arrow columnar format, "Encapsulated message format" and Message.fbs.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from xase.errors import UnexpectedAnswer

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"
MAX_FRAME: Final = 2**30
_PREFIX: Final = struct.Struct("<Ii")
_CONTINUATION: Final = 0xFFFFFFFF
_HEADER_TYPE, _BODY_LENGTH = 1, 3  # the places of two fields in the table Message
_RECORD_BATCH: Final = 3

Delivered = tuple["pa.RecordBatch", Mapping[str, str]]


class Frames:
    """Feed it chunks; it gives each record batch with its own metadata as soon as it is whole.

    `is_complete` says that the stream's end mark was seen: what ends without it was cut off.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._head = b""  # schema and dictionaries, which every record batch needs
        self.is_complete = False

    def feed(self, chunk: bytes) -> Iterator[Delivered]:
        """The record batches that this chunk completes. Raises UnexpectedAnswer for what is no Arrow stream."""
        self._pending += chunk
        try:
            while (frame := self._next()) is not None:
                if _field(frame, _HEADER_TYPE, "<B") == _RECORD_BATCH:
                    yield _read(self._head + frame)
                else:
                    self._head += frame
        except (struct.error, ValueError, OSError) as error:  # pyarrow's errors are of these kinds
            raise UnexpectedAnswer(f"the server's Arrow stream cannot be read: {error}") from error

    def _next(self) -> bytes | None:
        """The next whole frame; None when more bytes are needed, or none follow."""
        if self.is_complete or len(self._pending) < _PREFIX.size:
            return None
        mark, length = _PREFIX.unpack_from(self._pending)
        if mark != _CONTINUATION or not 0 <= length <= MAX_FRAME:
            raise ValueError("no message begins where one should")
        if length == 0:
            self.is_complete = True
            return None
        size = _PREFIX.size + length
        if len(self._pending) < size:
            return None
        size += _field(self._pending, _BODY_LENGTH, "<q")
        if not 0 <= size <= MAX_FRAME:
            raise ValueError("a message is too long")
        if len(self._pending) < size:
            return None
        frame = bytes(memoryview(self._pending)[:size])
        del self._pending[:size]
        return frame


def _field(frame: bytes | bytearray, place: int, form: str) -> int:
    """One number of the message's flatbuffer; 0 where it was left out."""
    (root,) = struct.unpack_from("<I", frame, _PREFIX.size)
    table = _PREFIX.size + root
    (back,) = struct.unpack_from("<i", frame, table)
    fields = table - back
    (length,) = struct.unpack_from("<H", frame, fields)
    slot = 4 + 2 * place
    (offset,) = struct.unpack_from("<H", frame, fields + slot) if slot < length else (0,)
    return int(struct.unpack_from(form, frame, table + offset)[0]) if offset else 0


def _read(content: bytes) -> Delivered:
    import pyarrow as pa

    reader = pa.ipc.open_stream(pa.py_buffer(content))
    batch, metadata = reader.read_next_batch_with_custom_metadata()
    return batch, {name.decode(): value.decode() for name, value in dict(metadata or {}).items()}
