"""Canonical JSON (RFC 8785) over I-JSON (RFC 7493), and the strict reading that goes with it.

Every hash in Xase is taken over bytes made here. `rfc8785` is the reference. Two encoders that are
much faster, orjson and the standard library's, write the same bytes for most values but not for
all: they differ in some numbers, in the order of some keys, and in what they accept. The fast path
is taken only for values that are inside the common ground; `tests/properties` holds it to the
reference.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import rfc8785

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer an IEEE 754 double, and so every JSON reader, keeps exactly."""

MAX_DEPTH: Final = 64

_INTEGER_DIGITS: Final = len(str(-MAX_INTEGER))

_PLAIN_FROM: Final = 1e-4  # between these bounds everyone writes the shortest decimal without an exponent
_PLAIN_TO: Final = 1e15
_FIRST_EXPONENT: Final = 1e21  # from here on ECMAScript writes an integral number with an exponent
_ALIKE: Final = frozenset({str, bool, type(None)})
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class CanonicalError(ValueError):
    """The value or text is outside I-JSON.

    `path` is the dotted place of the fault ("" for the whole text), `reason` one plain clause.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


def _fastest() -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    try:
        import orjson
    except ImportError:
        encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
        decode = json.JSONDecoder().decode
        return lambda value: encode(value).encode(), lambda raw: decode(raw.decode())
    return partial(orjson.dumps, option=orjson.OPT_SORT_KEYS), orjson.loads


_encode, _decode = _fastest()


def canonical(value: Any) -> bytes:
    """The one byte string RFC 8785 gives for `value`.

    Accepts what JSON can say: dict with str keys, list, tuple, str, int, float, bool, None.
    Raises CanonicalError for anything else, for NaN and infinities, for integers beyond
    ±(2^53−1), for lone surrogates, and for nesting too deep to walk.
    """
    try:
        return _encode(value if is_common(value) else _integral(value))
    except (_Uncommon, RecursionError):
        return _reference(value)
    except (TypeError, ValueError):  # an encoder met a lone surrogate: the reference names it
        return _reference(value)


def canonical_values(values: Mapping[str, Any]) -> dict[str, bytes]:
    """`canonical` of each value by its name: many small values are told to be common in one pass."""
    try:
        if is_common(values):
            return {name: _encode(value) for name, value in values.items()}
    except (TypeError, ValueError, RecursionError):
        pass  # one of them stands out, and `canonical` knows how
    return {name: canonical(value) for name, value in values.items()}


def _reference(value: Any) -> bytes:
    try:
        return rfc8785.dumps(value)
    except UnicodeEncodeError as error:
        raise CanonicalError("lone surrogate in a key") from error
    except ValueError as error:
        raise CanonicalError(str(error)) from error
    except RecursionError as error:
        raise CanonicalError("nested too deeply") from error


class _Uncommon(Exception):
    """The value is outside the encoders' common ground."""


def is_common(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether the fast encoders and RFC 8785 write the same bytes for `value`.

    Keys are ASCII, because the encoders sort by code point and RFC 8785 by UTF-16 unit. Floats lie where the shortest
    decimal is written without exponent by all, and are not integral. Types are exact: orjson also accepts enums, UUIDs
    and dates. Containers nest at most `depth` deep.
    """
    kind = type(value)
    if kind is dict:
        if not "".join(value).isascii():  # a key that is no string raises TypeError: the reference refuses it
            return False
        value = value.values()
    elif kind is not list and kind is not tuple:
        return kind in _ALIKE or _is_common_number(value)
    for item in value:
        if type(item) not in _ALIKE and not is_common(item, depth - 1):
            return False
    return depth > 0


def _is_common_number(value: Any) -> bool:
    if type(value) is int:
        return -MAX_INTEGER <= value <= MAX_INTEGER
    return type(value) is float and _PLAIN_FROM <= abs(value) < _PLAIN_TO and not value.is_integer()


def _integral(value: Any) -> Any:
    """A copy of `value` with each integral float as the integer RFC 8785 writes for it."""
    kind = type(value)
    if kind is float and value.is_integer() and -MAX_INTEGER <= value <= MAX_INTEGER:
        return int(value)
    if kind is dict:
        if not all(type(key) is str and key.isascii() for key in value):
            raise _Uncommon
        return {key: _integral(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_integral(item) for item in value]
    if is_common(value):
        return value
    raise _Uncommon


def parse_canonical(raw: bytes) -> Any:
    """The value whose canonical form `raw` is; raises CanonicalError when it is of none."""
    value = reread(raw)
    return value if value is not None and is_common(value) else _parse_canonical(raw)


def reread(raw: bytes) -> Any:
    """The value of `raw` if the fast encoder writes `raw` again from it, else None.

    Where the value also is common, `raw` is canonical and I-JSON: a duplicate key, a long integer or a blank would not
    have come back.
    """
    try:
        value = _decode(raw)
        return value if _encode(value) == raw else None
    except (TypeError, ValueError, RecursionError):
        return None  # the strict reading says what is wrong


def _parse_canonical(raw: bytes) -> Any:
    value = parse_strict(raw)
    if canonical(value) != raw:
        raise CanonicalError("not in canonical form")
    return value


def parse_strict(data: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value of JSON text that every reader reads alike, as I-JSON asks.

    Refuses, with the place: text that is not UTF-8 JSON, duplicate keys, NaN and infinities (also
    written as 1e400), lone surrogates, integers beyond ±(2^53−1) — also those written as 1e20,
    whose canonical text is such an integer — and containers nested deeper than `max_depth`.
    Raises CanonicalError and nothing else.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CanonicalError(f"not UTF-8 at byte {error.start}") from error
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise CanonicalError(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise CanonicalError(f"nested deeper than {max_depth}") from error
    except _Refused as error:
        raise _diagnose(text, max_depth) from error
    containers = data.count(b"[") + data.count(b"{")
    if containers > max_depth or _SURROGATE_ESCAPE.search(data):
        _check(value, "", max_depth)
    return value


class _Refused(Exception):
    """A literal or an object is outside I-JSON; the diagnosis will say which and where."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Refused
    return value


def _integer(text: str) -> int:
    if len(text) > _INTEGER_DIGITS or not -MAX_INTEGER <= (value := int(text)) <= MAX_INTEGER:
        raise _Refused
    return value


def _float(text: str) -> float:
    value = float(text)
    if value - value != 0 or (MAX_INTEGER < abs(value) < _FIRST_EXPONENT and value.is_integer()):
        raise _Refused
    return value


def _constant(_text: str) -> Any:
    raise _Refused


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)


def _check(value: Any, path: str, depth: int) -> None:
    """Raise for containers nested deeper than `depth` and for lone surrogates."""
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise CanonicalError("lone surrogate", path)
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise CanonicalError("nested too deeply", path)
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            place = f"{path}.{key}" if path else str(key)
            if isinstance(key, str) and _SURROGATE.search(key):
                raise CanonicalError("lone surrogate in a key", path)
            _check(item, place, depth - 1)


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, duplicates and all."""


class _Literal(str):
    """A number or constant as it was written."""

    __slots__ = ()


_DIAGNOSIS: Final = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_Literal,
    parse_float=_Literal,
    parse_constant=_Literal,
)


def _diagnose(text: str, max_depth: int) -> CanonicalError:
    """The first fault of text that was refused, with its place; behind it the text may be no JSON at all."""
    try:
        fault = _fault(_DIAGNOSIS.decode(text), "", max_depth)
    except json.JSONDecodeError as error:
        return CanonicalError(f"not JSON: {error.msg} at character {error.pos}")
    except RecursionError:
        return CanonicalError(f"nested deeper than {max_depth}")
    return fault or CanonicalError("outside I-JSON")


def _fault(value: Any, path: str, depth: int) -> CanonicalError | None:
    if isinstance(value, _Literal):
        return _literal_fault(value, path)
    if not isinstance(value, list):
        return None
    if depth == 0:
        return CanonicalError("nested too deeply", path)
    seen: set[str] = set()
    for key, item in value if isinstance(value, _Pairs) else enumerate(value):
        place = f"{path}.{key}" if path else str(key)
        if isinstance(key, str):
            if key in seen:
                return CanonicalError("duplicate key", place)
            seen.add(key)
        if fault := _fault(item, place, depth - 1):
            return fault
    return None


def _literal_fault(literal: _Literal, path: str) -> CanonicalError | None:
    try:
        _integer(literal) if literal.lstrip("-").isdigit() else _float(literal)
    except _Refused:
        pass
    else:
        return None
    if literal.lstrip("-") in {"NaN", "Infinity"}:
        return CanonicalError(f"{literal} is not JSON", path)
    return CanonicalError("number out of range", path)
