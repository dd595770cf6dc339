"""How large an expression becomes: written out as SQL, and in the texts and lists that it puts together from others.

An expression shares what is used twice; SQL repeats it, so that nested it can double with every level. DuckDB
does not count what it concatenates, nor what a fold holds, against its memory limit.
"""

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from xase_server.engines.duckdb.cells import NotNative
from xase_server.engines.duckdb.sql import SQL

_LONGEST: Final = 20_000
_MOST_COPIES: Final = 64


class Growth:
    """Measures expressions; `columns` says how many values of the table are in a column, 1 where it says nothing."""

    def __init__(self, columns: Mapping[str, int]) -> None:
        self._columns = columns
        self._known: dict[int, tuple[SQL, int, int]] = {}

    def check(self, item: SQL) -> None:
        """Raise `NotNative` for what is too long, or puts too many values into one."""
        length, copies = self._measured(item)
        if length > _LONGEST:
            raise NotNative("an expression too long for SQL")
        if copies > _MOST_COPIES:
            raise NotNative("a value made of very many others")

    def copies(self, item: SQL) -> int:
        """How many values of the table are at most in one."""
        return self._measured(item)[1]

    def _measured(self, item: SQL) -> tuple[int, int]:
        found = self._known.get(id(item))
        if found is None:
            inside = [self._measured(each) for each in item.iter_expressions()]
            length = 1 + sum(each for each, _ in inside)
            copies = [each for _, each in inside]
            found = self._known[id(item)] = item, length, self._copies_in(item, copies)
        return found[1:]

    def _copies_in(self, item: SQL, inside: list[int]) -> int:
        if isinstance(item, exp.Column):
            return self._columns.get(item.name, 1)
        return sum(inside) if _joins(item) else max(inside, default=0)


def occurrences(item: SQL, name: SQL) -> int:
    """How often the value of a lambda's parameter is at most in another."""
    if item is name:
        return 1
    inside = [occurrences(each, name) for each in item.iter_expressions()]
    return sum(inside) if _joins(item) else max(inside, default=0)


def _joins(item: SQL) -> bool:
    """Whether a value is put together from others: a text of texts, a list of elements."""
    return isinstance(item, exp.DPipe) or (isinstance(item, exp.Anonymous) and item.name == "list_value")
