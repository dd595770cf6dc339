"""Regular expressions of callers: RE2 only, linear in the text whatever the pattern (docs/adr/0013).

The options travel inside the pattern, so that every engine gets the same single text.
"""

import functools
import re
from typing import Any, Final

import re2

from xase_server.query.refusal import refuse

_OPTIONS: Final = "imsx"
# An escape, a class, or the end of the text; and what makes `$` mean something else.
_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\$", re.DOTALL)
_OTHERWISE: Final = re.compile(r"\\Q|\(\?[a-zA-Z]*m")


def portable(pattern: str, options: str, where: str) -> str:
    """One RE2 pattern that says all of `$regex` and `$options`; raises `invalid_query` when RE2 has no such thing."""
    if "\0" in pattern:
        raise refuse(where, "A pattern holds no NUL")
    for option in options:
        if option not in _OPTIONS:
            raise refuse(where, "The options of a pattern are i, m, s and x")
    if "x" in options:
        pattern = _without_layout(pattern)
    _compile(pattern, where)
    if "m" not in options:
        pattern = _with_final_newline(pattern)
    flags = "".join(sorted(set(options) - {"x"}))
    text = f"(?{flags}:{pattern})" if flags else pattern
    _compile(text, where)
    return text


def _with_final_newline(pattern: str) -> str:
    """A pattern whose `$` matches before a final newline, too, as it does elsewhere."""
    if _OTHERWISE.search(pattern):
        return pattern
    return _PIECE.sub(lambda piece: r"(?:\n?\z)" if piece[0] == "$" else piece[0], pattern)


def found(pattern: str, text: str) -> bool:
    """Whether a pattern made by `portable` occurs anywhere in a text."""
    return _searcher(pattern).search(text) is not None


def _compile(pattern: str, where: str) -> None:
    try:
        _searcher(pattern)
    except (re2.error, UnicodeEncodeError):
        raise refuse(where, "Not a pattern that RE2 can run: it has no lookaround and no backreferences") from None


@functools.lru_cache(maxsize=256)
def _searcher(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _without_layout(pattern: str) -> str:
    """A pattern without the blanks and comments that option `x` allows; RE2 does not know that option."""
    kept: list[str] = []
    in_class = in_comment = escaped = False
    for character in pattern:
        if in_comment:
            in_comment = character != "\n"
        elif escaped or in_class or not (character.isspace() or character == "#"):
            kept.append(character)
            in_class = not escaped and (character == "[" or (in_class and character != "]"))
        else:
            in_comment = character == "#"
        escaped = character == "\\" and not escaped and not in_comment
    return "".join(kept)
