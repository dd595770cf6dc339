"""A sign of life where something takes long: on standard error, where somebody may be looking."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.status import Status

QUIET_SECONDS: Final = 1.0
"""A stream that ends sooner shows nothing."""


class Progress:
    """Counts what has come; with a known total a bar, else a counter. Shows nothing unless `is_wanted`.

    Wanted None means: on a terminal or in a notebook.
    """

    def __init__(self, title: str, *, is_wanted: bool | None = None, unit: str = "records") -> None:
        self._title = title
        self._unit = unit
        self._is_wanted = _is_watched() if is_wanted is None else is_wanted
        self._since = time.monotonic()
        self._bar: Bar | None = None
        self._count = 0

    def add(self, count: int, total: int | None = None) -> None:
        """So many more have come, of so many in all."""
        self._count += count
        if self._is_wanted and self._bar is None and time.monotonic() - self._since >= QUIET_SECONDS:
            self._bar = _bar(self._title, self._unit)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._count, total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


class Waiting:
    """Says what is waited for, for as long as it is. Shows nothing unless `is_wanted`, as `Progress`."""

    def __init__(self, *, is_wanted: bool | None = None) -> None:
        self._is_wanted = _is_watched() if is_wanted is None else is_wanted
        self._status: Status | None = None

    def say(self, what: str) -> None:
        """What is waited for now."""
        if not self._is_wanted:
            return
        if self._status is None:
            from rich.console import Console

            self._status = Console(stderr=True).status("")
            self._status.start()
        from rich.text import Text

        self._status.update(Text(what))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()


def _is_watched() -> bool:
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


def _bar(title: str, unit: str) -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    count = (DownloadColumn(),) if unit == "bytes" else (MofNCompleteColumn(), TextColumn(unit))
    columns = (TextColumn("{task.description}"), BarColumn(), *count)
    bar = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
    bar.add_task(title, total=None)
    return bar
