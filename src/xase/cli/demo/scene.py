"""How the demonstration looks: numbered steps, one line of why each, and how long each took."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

_INDENT = (0, 0, 0, 4)


@dataclass
class Scene:
    """A calm terminal. Everything a step says stands indented under its heading."""

    console: Console
    _steps: int = field(default=0, init=False)
    _began: float = field(default_factory=time.monotonic, init=False)

    @contextmanager
    def step(self, title: str, why: str) -> Iterator[None]:
        """A numbered step; its time is told at its end."""
        self._steps += 1
        began = time.monotonic()
        self.console.print()
        self.console.print(Text.assemble((f"{self._steps:>2}  ", "bold cyan"), (title, "bold")))
        self.say(why, style="dim")
        yield
        self.say(f"{time.monotonic() - began:.1f} s", style="dim cyan")

    def heading(self, title: str) -> None:
        """A heading without a number."""
        self.console.print()
        self.console.print(Text(title, "bold cyan"))

    def say(self, text: str | Text, *, style: str = "") -> None:
        """A paragraph of the current step."""
        self.console.print(Padding(Text(text, style) if isinstance(text, str) else text, _INDENT))

    def fact(self, label: str, value: str, *, style: str = "") -> None:
        """One labelled value on a line."""
        self.say(Text.assemble((f"{label:<13}", "dim"), (value, style)))

    def command(self, line: str) -> None:
        """A command that the reader could type."""
        self.say(Text.assemble(("$ ", "dim"), (line, "green")))

    def code(self, line: str) -> None:
        """A line of Python that was run."""
        self.say(Text.assemble((">>> ", "dim"), (line, "green")))

    def output(self, text: str, *, style: str = "") -> None:
        """What a command printed; long lines go on under their own beginning."""
        for line in text.rstrip().splitlines():
            begin = len(line) - len(line.lstrip(" -"))
            shown = Text(line[begin:], "bold green" if line.startswith("VERIFIED") else style)
            grid = Table.grid()
            grid.add_column(no_wrap=True)
            grid.add_column()
            grid.add_row(Text(f"  {line[:begin]}", style), shown)
            self.console.print(Padding(grid, _INDENT))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A small table; the last column wraps."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
        for place, heading in enumerate(columns):
            table.add_column(heading, no_wrap=place < len(columns) - 1)
        for row in rows:
            table.add_row(*map(Text, row))
        self.console.print(Padding(table, _INDENT))

    @contextmanager
    def counting(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar for work in `total` pieces, gone when done; gives what to call after each piece."""
        columns = (TextColumn(f"    {label}"), BarColumn(bar_width=32), MofNCompleteColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            running = bar.add_task(label, total=total)
            yield lambda: bar.advance(running)

    @property
    def seconds(self) -> float:
        """Since the scene began."""
        return time.monotonic() - self._began
