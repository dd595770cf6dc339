"""What the operator's commands show: JSON for programs, tables for people, progress on a terminal."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

_WIDE: Final = 200  # columns where nobody's terminal sets a limit: a file or a pipe


def emit(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, indent=2) + "\n")


def say(line: str) -> None:
    """A line of the answer on standard output."""
    sys.stdout.write(f"{line}\n")


def note(line: str) -> None:
    """A line for people on standard error."""
    sys.stderr.write(f"{line}\n")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, colours: Sequence[str] = ()) -> None:
    """Rows under their headings on standard output; `colours` colour the first column, row by row."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, heading in enumerate(columns):
        table.add_column(heading, no_wrap=place == 0, overflow="fold")
    for number, row in enumerate(rows):
        first, *others = map(_safe, row)
        table.add_row(Text(first, colours[number] if colours else ""), *map(Text, others))
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


@contextmanager
def progress(task: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, when that is a terminal, for the length of the block.

    Gives a function that takes how much is done, and of how much.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        running = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(running, completed=done, total=total)


def _safe(text: str) -> str:
    """What others wrote cannot move the cursor, change colours or break a table."""
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
