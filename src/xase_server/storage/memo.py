"""What a writer need not read again, as long as it alone has written since."""

from typing import Final

from xase_server.ports import Head, StreamHead

_MOST: Final = 100_000


Label = tuple[int, str, str | None]
"""What a decision is filed under: its organisation's model with its policy."""


class Memo:
    """Kept between the transactions of one writer; all of it is forgotten when one of them fails.

    Names once given never change, so they hold while the log only grows. Where lists and chains end,
    and the last tiles, hold only until somebody else writes.
    """

    def __init__(self) -> None:
        self.organisations: dict[str, int] = {}
        self.labels: dict[Label, int] = {}
        self.lengths: dict[int, int] = {}
        self.merged: dict[int, dict[int, int]] = {}
        self.streams: dict[str, tuple[int, StreamHead]] = {}
        self.tiles: dict[tuple[int, int], bytes] = {}
        self._epoch = -1
        self._size = -1

    def begin(self, head: Head) -> None:
        """A transaction begins under this head."""
        if head.epoch != self._epoch or head.size < self._size or len(self.labels) + len(self.streams) > _MOST:
            self.forget()
        elif head.size != self._size:
            self._forget_ends()

    def commit(self, head: Head) -> None:
        """The transaction made this the head."""
        self._epoch, self._size = head.epoch, head.size

    def forget(self) -> None:
        """Know nothing."""
        self.organisations.clear()
        self.labels.clear()
        self._forget_ends()

    def _forget_ends(self) -> None:
        for ends in (self.lengths, self.merged, self.streams, self.tiles):
            ends.clear()
