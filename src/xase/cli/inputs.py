"""What people type: JSON objects given in place, from a file or from standard input; and key files."""

import json
import sys
from pathlib import Path
from typing import Any

from xase.cli.exits import ExitCode, Stop


def read_object(text: str, name: str) -> dict[str, Any]:
    """The JSON object that `text` is, or that lies in `@FILE`, or comes on standard input for `-`.

    Read as strictly as the server reads it (duplicate keys, NaN and numbers that not every reader
    keeps are refused), so that a mistake is named here with its place. `name` says whose value it
    is. Raises Stop with the usage code.
    """
    value = _read(text, name)
    if not isinstance(value, dict):
        raise Stop(f"{name}: expected a JSON object, found {_kind(value)}", ExitCode.USAGE)
    return value


def read_list(text: str, name: str) -> list[Any]:
    """The JSON array that is given in one of these ways. Raises Stop with the usage code."""
    value = _read(text, name)
    if not isinstance(value, list):
        raise Stop(f"{name}: expected a JSON array, found {_kind(value)}", ExitCode.USAGE)
    return value


def read_secret(file: Path) -> str:
    """The API key in a file: its only line. Raises Stop with the usage code."""
    try:
        lines = file.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{file}: cannot read the key: {_reason(error)}", ExitCode.USAGE) from error
    if len(lines) != 1:
        raise Stop(f"{file}: expected one line, the API key", ExitCode.USAGE)
    return lines[0]


def _read(text: str, name: str) -> Any:
    source, data = _fetch(text, name)
    return _parse(data, f"{name} ({source})" if source else name)


def _fetch(text: str, name: str) -> tuple[str, bytes]:
    """Where the value came from ("" for the argument itself) and its bytes."""
    if text == "-":
        return "standard input", sys.stdin.buffer.read()
    if not text.startswith("@"):
        return "", text.encode("utf-8", "surrogateescape")
    try:
        return text[1:], Path(text[1:]).read_bytes()
    except OSError as error:
        raise Stop(f"{name}: cannot read {text[1:]}: {_reason(error)}", ExitCode.USAGE) from error


def _parse(data: bytes, name: str) -> Any:
    from xase.proof.canonical import CanonicalError, parse_strict

    try:
        return parse_strict(data)
    except CanonicalError as error:
        cause = error.__cause__
        if isinstance(cause, json.JSONDecodeError):
            raise Stop(f"{name}: {_pointed(cause)}", ExitCode.USAGE) from error
        raise Stop(f"{name}: {error}", ExitCode.USAGE) from error


def _pointed(error: json.JSONDecodeError) -> str:
    """The fault with its place, and the line with a mark under it."""
    line = error.doc.splitlines()[error.lineno - 1] if error.doc.strip() else ""
    start = max(0, error.colno - 1 - _CONTEXT)
    excerpt = line[start : error.colno - 1 + _CONTEXT]
    mark = " " * (error.colno - 1 - start) + "^"
    place = f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
    return f"{place}\n  {excerpt}\n  {mark}" if excerpt.isprintable() and excerpt else place


_CONTEXT = 36


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not plain text"
