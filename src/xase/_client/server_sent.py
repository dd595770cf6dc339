"""Server-sent events, read as their bytes arrive. Source: WHATWG HTML, section 9.2.6."""

import re
from collections.abc import Iterator
from typing import Final

from xase.errors import UnexpectedAnswer

MEDIA_TYPE: Final = "text/event-stream"
MAX_EVENT: Final = 2**20
_LINE_END: Final = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a last CR may be half of a CR LF


class EventReader:
    """Feed it chunks; it gives the data of each event when the blank line after it has come.

    Names and ids are passed over: our events say both in their data.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The events that this chunk completes. Raises UnexpectedAnswer for one without end."""
        *lines, self._pending = _LINE_END.split(self._pending + chunk)
        if len(self._pending) + sum(map(len, self._data)) > MAX_EVENT:
            raise UnexpectedAnswer("the server sent an event without end")
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line.removeprefix(b"data:").removeprefix(b" "))
            elif not line and self._data:
                yield b"\n".join(self._data).decode("utf-8", "replace")
                self._data = []
