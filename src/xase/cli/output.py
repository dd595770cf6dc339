"""What commands show: JSON for programs, tables for people, progress on a terminal."""

import json
import os
import re
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
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{3}Z")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_DIGEST_SHOWN: Final = 20
_GAP: Final = 2  # between two columns
_WHOLE_WORD: Final = 10  # characters that are not broken while other columns can give way
_NARROWEST: Final = 4
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


def plain(value: Any) -> str:
    """A value as one safe line: what others wrote cannot move the cursor, change colours or break a table."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else _visible(each) for each in text)


def brief(value: Any) -> str:
    """`plain` for a table's cell: times to the second, digests by their beginning, the rest cut to a cell's width.

    Whoever needs all of it asks for one object, or for JSON.
    """
    text = plain(value)
    if moment := _MOMENT.fullmatch(text):
        return " ".join(moment.groups())
    longest = _DIGEST_SHOWN if _DIGEST.fullmatch(text) else _LONGEST_CELL
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows under their headings on standard output; the first column is never cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [[brief(cell) for cell in row] for row in rows]
    out = console()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for place, width in enumerate(_widths([list(columns), *cells], out.width)):
        table.add_column(columns[place], width=width, no_wrap=place == 0, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    _print(out, table)
    if not cells:
        note("none")


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """How wide each column is: as wide as it asks for, where there is room.

    Where there is not, the widest give way first, down to where short words would be broken; then those whose
    words are broken anyway. The first never does.
    """
    from rich.cells import cell_len

    across = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in across]
    words = [max(cell_len(word) for cell in column for word in [*cell.split(), ""]) for column in across]
    room -= _GAP * (len(widths) - 1)
    for floors in ([min(each, _WHOLE_WORD) for each in words], [_NARROWEST] * len(words)):
        while sum(widths) > room:
            given = [(words[n] > widths[n], widths[n], n) for n in range(1, len(widths)) if widths[n] > floors[n]]
            if not given:
                break
            widths[max(given)[-1]] -= 1
    return widths


def show_fields(fields: Mapping[str, Any]) -> None:
    """One object, a field a line; long values are shown whole."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields.items():
        grid.add_row(name, Text(plain(value)))
    _print(console(), grid)


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
    """Standard output for people: as wide as the terminal or COLUMNS says, wide where neither does."""
    from rich.console import Console

    is_told = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if is_told else _WIDE)


def _print(out: "Console", drawn: Any) -> None:
    """Draw something; a file or a pipe is spared the blanks that fill each line."""
    if out.is_terminal:
        out.print(drawn)
        return
    with out.capture() as captured:
        out.print(drawn)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


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
