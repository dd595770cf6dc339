"""What commands show: JSON for programs, tables for people, progress on a terminal."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xase.cli.exits import ExitCode, Stop

if TYPE_CHECKING:
    from rich.console import Console

_WIDE: Final = 200  # columns where nobody's terminal sets a limit: a file or a pipe
_LONGEST_CELL: Final = 60
_DELETE: Final = 0x7F


def emit(value: Any) -> None:
    """One JSON document on standard output; what could steer a terminal stands in it escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    sys.stdout.write("".join(each if each.isprintable() or each == "\n" else _escape(each) for each in text) + "\n")


def emit_line(value: Any) -> None:
    """A line on standard output, at once: text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    sys.stdout.write("".join(each if each.isprintable() else _escape(each) for each in text) + "\n")
    sys.stdout.flush()


def note(message: str) -> None:
    """A line for people on standard error."""
    sys.stderr.write(f"{message}\n")


def refuse_existing(file: Path | None) -> None:
    """Raise Stop when the file is there already: nothing is overwritten unasked."""
    if file is not None and file.exists():
        raise Stop(f"{file} exists already", ExitCode.USAGE)


def write_secret(file: Path, secret: str) -> None:
    """A new file with the secret on its only line, readable by its owner alone."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Stop(f"{file}: cannot write: {error.strerror}", ExitCode.USAGE) from error
    with os.fdopen(descriptor, "w") as stream:
        stream.write(f"{secret}\n")


def plain(value: Any) -> str:
    """A value as one safe line: what others wrote cannot move the cursor, change colours or break a table."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else _visible(each) for each in text)


def brief(value: Any) -> str:
    """`plain`, cut to the width of a table's cell."""
    text = plain(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows under their headings on standard output; the first column is never cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for place, heading in enumerate(columns):
        table.add_column(heading, no_wrap=place == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(brief(cell)) for cell in row))
    console().print(table)


def show_fields(fields: Mapping[str, Any]) -> None:
    """One object, a field a line; long values are shown whole."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields.items():
        grid.add_row(name, Text(plain(value)))
    console().print(grid)


def show_one(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """One object of the API."""
    if as_json:
        emit(answer)
    else:
        show_fields(answer)


def show_all(found: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """A whole list of objects of the API; people see of each the fields that `columns` names."""
    if as_json:
        emit({"data": found, "total": len(found)})
    else:
        show_table(columns, ([each.get(name) for name in columns] for each in found))


def console() -> "Console":
    """Standard output for people: as wide as the terminal, wide when it is none."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


@contextmanager
def waiting(task: str) -> Iterator[None]:
    """A sign of life on standard error, when that is a terminal, for the length of the block."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(task):
        yield


def _visible(character: str) -> str:
    return " " if character in "\n\t" else _escape(character)


def _escape(character: str) -> str:
    """The character as JSON escapes it: beyond the basic plane as a pair of surrogates."""
    return json.dumps(character)[1:-1] if ord(character) != _DELETE else "\\u007f"
