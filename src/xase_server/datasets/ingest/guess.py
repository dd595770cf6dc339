"""What the texts of a CSV column may be. A kind stays possible until a text contradicts it.

`007` and numbers of more digits than 64 bits hold are codes, not numbers: they stay text, as does all else.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from xase_server.datasets.types import Array
from xase_server.query.schema import BOOL, FLOAT, INT, NULL, STRING, Scalar

_PATTERNS: Final = {
    BOOL: "^(?:true|false|True|False|TRUE|FALSE)$",
    INT: r"^(?:0|-?[1-9]\d{0,18})$",
    FLOAT: r"^-?(?:(?:0|[1-9]\d{0,14})(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?$",
}


class Guess:
    """One column's."""

    def __init__(self) -> None:
        self._possible: list[Scalar] = list(_PATTERNS)
        self._empty = True

    def see(self, texts: Array) -> None:
        """Look at more texts of the column; an empty one is null and says nothing."""
        if not self._possible:
            return
        present = texts.filter(pc.not_equal(texts, ""))
        if len(present):
            self._empty = False
            self._possible = [kind for kind in self._possible if _fits(present, kind)]

    @property
    def type(self) -> Scalar:
        """The narrowest type that every text so far fits."""
        if self._empty:
            return NULL
        return self._possible[0] if self._possible else STRING


def _fits(texts: Array, kind: Scalar) -> bool:
    if not pc.all(pc.match_substring_regex(texts, _PATTERNS[kind])).as_py():
        return False
    try:
        if kind == INT:
            texts.cast(pa.int64())
        return kind != FLOAT or bool(pc.all(pc.is_finite(texts.cast(pa.float64()))).as_py())
    except pa.ArrowInvalid:
        return False
