"""Lines of NDJSON as Python objects, strictly: one object a line, no name twice, no number that changes."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from xase_server.datasets.bounds import too_large
from xase_server.ports.datasets import IngestProblem

_LONG_NUMBER: Final = re.compile(rb"\d{19}")
_ESCAPED_COLON: Final = b"\\u003"
_MOST: Final = (1 << 63) - 1


def objects(number: int, block: bytes, *, strict: bool) -> Iterator[dict[str, Any]]:
    """The objects of a block whose first line has this number; blank lines are passed over.

    `strict` looks for names given twice and for numbers that 64 bits cannot hold: once is enough for a file.
    Raises IngestProblem naming the line.
    """
    long = strict and _LONG_NUMBER.search(block) is not None
    for line_number, line in enumerate(block.split(b"\n"), number):
        if not line or line.isspace():
            continue
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise _refused(line_number, error) from None
        if type(found) is not dict:
            raise IngestProblem(f"Line {line_number:,} is not a JSON object")
        if strict and (long or _doubtful(line, found)):
            _check(line_number, line)
        yield found


def _refused(number: int, error: orjson.JSONDecodeError) -> IngestProblem:
    if "depth" in str(error):
        return too_large(f"Line {number:,} is nested too deeply")
    return IngestProblem(f"Line {number:,} is not JSON: see its character {error.colno:,}")


def _doubtful(line: bytes, found: dict[str, Any]) -> bool:
    """Whether a name may stand twice: a pair that was dropped took its colon along."""
    return line.count(b":") != orjson.dumps(found).count(b":") or _ESCAPED_COLON in line


def _check(number: int, line: bytes) -> None:
    """The slow and exact reading."""
    try:
        json.loads(line, object_pairs_hook=_distinct, parse_int=_fitting)
    except _Inexact as reason:
        raise IngestProblem(f"Line {number:,} {reason}") from None
    except RecursionError:
        raise too_large(f"Line {number:,} is nested too deeply") from None


class _Inexact(Exception):
    """What a line has that would be lost."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Inexact("gives a name twice")
    return found


def _fitting(digits: str) -> int:
    # Python limits the digits of an int; nothing of that length fits anyway
    if len(digits) > 20 or not -_MOST - 1 <= int(digits) <= _MOST:  # noqa: PLR2004
        raise _Inexact("has an integer beyond 64 bits with sign; write it as a string")
    return int(digits)
