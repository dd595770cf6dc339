"""Server-sent events, read as their bytes arrive. Source: WHATWG HTML, section 9.2.6."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from xase.errors import UnexpectedAnswer

MEDIA_TYPE: Final = "text/event-stream"
MAX_EVENT: Final = 2**20
_LINE_END: Final = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a last CR may be half of a CR LF


@dataclass(frozen=True, slots=True)
class ServerSent:
    """One event: `data` as text, `id` the last one named so far."""

    name: str
    data: str
    id: str | None


class EventReader:
    """Feed it chunks; it gives each event when the blank line after it has come. Comments are passed over."""

    def __init__(self, last_id: str | None = None) -> None:
        self._pending = b""
        self._data: list[str] = []
        self._name = ""
        self.last_id = last_id

    def feed(self, chunk: bytes) -> Iterator[ServerSent]:
        """The events that this chunk completes. Raises UnexpectedAnswer for one without end."""
        *lines, self._pending = _LINE_END.split(self._pending + chunk)
        if len(self._pending) > MAX_EVENT or sum(map(len, self._data)) > MAX_EVENT:
            raise UnexpectedAnswer("the server sent an event without end")
        for line in lines:
            if line:
                self._take(line.decode("utf-8", "replace"))
            elif self._data:
                yield ServerSent(self._name or "message", "\n".join(self._data), self.last_id)
            if not line:
                self._data, self._name = [], ""

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self.last_id = value or None
