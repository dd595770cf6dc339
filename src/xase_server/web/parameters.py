"""Parameters of addresses and queries: each knows its type, its bounds and how it is read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from xase_server.domain.errors import FieldProblem, Problems, Refused, invalid, invalid_field
from xase_server.domain.times import DAY_MS, parse_duration, parse_end, parse_instant

MAX_OFFSET: Final = 2**53 - 1
_MAX_PARAMETERS: Final = 64
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
# `+` stands for a blank in a query: behind the time of day nothing else can be meant by one
_BARE_OFFSET: Final = re.compile(r"(T\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?) (\d{2}(?::?\d{2})?)$", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SUMMARY: Final = "Invalid query parameters"


class Malformed(Exception):
    """The text is not a value of this kind; the message says what would be."""


class Kind(Protocol):
    """How the text of a parameter is read."""

    def read(self, text: str) -> Any:
        """The value, or Malformed."""
        ...

    def schema(self) -> Mapping[str, Any]:
        """The value's JSON Schema."""
        ...


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within bounds."""

    minimum: int
    maximum: int

    def read(self, text: str) -> int:
        """The whole number, or Malformed."""
        if not _INTEGER.fullmatch(text):
            raise Malformed("Must be an integer")
        value = int(text)
        if not self.minimum <= value <= self.maximum:
            raise Malformed(f"Must be between {self.minimum} and {self.maximum}")
        return value

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of such a value."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class Size(Integer):
    """A whole number whose bounds depend on what else is asked for: who handles the request looks at them."""

    def read(self, text: str) -> int:
        """The whole number, or Malformed."""
        if not _INTEGER.fullmatch(text):
            raise Malformed("Must be an integer")
        return int(text)


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds."""

    minimum: float
    maximum: float

    def read(self, text: str) -> float:
        """The number, or Malformed."""
        if not _NUMBER.fullmatch(text):
            raise Malformed("Must be a number")
        value = float(text)
        if not self.minimum <= value <= self.maximum:
            raise Malformed(f"Must be between {self.minimum:g} and {self.maximum:g}")
        return value

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of such a value."""
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    def read(self, text: str) -> bool:
        """The truth value, or Malformed."""
        if text not in {"true", "false"}:
            raise Malformed("Must be true or false")
        return text == "true"

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of such a value."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, text: str) -> str:
        """The word, or Malformed."""
        if text not in self.words:
            raise Malformed(f"Must be one of {', '.join(self.words)}")
        return text

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of such a value."""
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Text:
    """Any text without control characters."""

    maximum: int = 256

    def read(self, text: str) -> str:
        """The text, or Malformed."""
        if not text or len(text) > self.maximum:
            raise Malformed(f"Must have 1 to {self.maximum} characters")
        if _CONTROL.search(text):
            raise Malformed("Must not hold control characters")
        return text

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of such a value."""
        return {"type": "string", "minLength": 1, "maxLength": self.maximum, "pattern": r"^[^\x00-\x1f\x7f]*$"}


@dataclass(frozen=True, slots=True)
class QueryText:
    """A part of a query, read later by the query language, which then says what is wrong with it.

    `maximum` is in characters; a longer query is sent as a body.
    """

    maximum: int

    def read(self, text: str) -> str:
        """The text, or Malformed."""
        if not text or len(text) > self.maximum:
            raise Malformed(f"Must have 1 to {self.maximum} characters")
        return text

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of such a value."""
        return {"type": "string", "minLength": 1, "maxLength": self.maximum}


@dataclass(frozen=True, slots=True)
class Instant:
    """A date or date-time, as milliseconds since 1970 UTC; a bare date may mean the whole day."""

    end_of_day: bool = False

    def read(self, text: str) -> int:
        """The instant, or Malformed."""
        try:
            return self._parse(_BARE_OFFSET.sub(r"\1+\2", text))
        except Refused as refusal:
            raise Malformed(refusal.details[0]["message"]) from None

    def _parse(self, text: str) -> int:
        return parse_instant(text, "", end_of_day=self.end_of_day)

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of such a value."""
        return {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}


class End(Instant):
    """The last day or instant of a period, as the first millisecond behind it."""

    def _parse(self, text: str) -> int:
        return parse_end(text, "")


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time such as `24h` or `30d`, in milliseconds."""

    maximum_days: int

    def read(self, text: str) -> int:
        """The length, or Malformed."""
        try:
            length = parse_duration(text, "", maximum_ms=self.maximum_days * DAY_MS)
        except Refused as refusal:
            raise Malformed(refusal.details[0]["message"]) from None
        if not length:
            raise Malformed("Must not be 0")
        return length

    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema of such a value."""
        return {"type": "string", "pattern": "^[1-9][0-9]{0,5}[smhdw]$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One query parameter; `default` is what a request without it means."""

    name: str
    kind: Kind
    description: str
    example: Any
    default: Any = None
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PathParameter:
    """One part of the address. Text that does not match `pattern` names nothing: `not_found`."""

    name: str
    resource: str
    description: str
    example: str
    pattern: str = r"[A-Za-z0-9_-]{1,64}"

    def names_something(self, text: str) -> bool:
        """Whether the text has the form of such a name at all."""
        return re.fullmatch(self.pattern, text) is not None


def read_query(raw: bytes, known: Mapping[str, Parameter], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """The typed values of a query string.

    Raises `validation_error` naming every parameter that is unknown, repeated, missing, malformed
    or out of bounds.
    """
    values = dict(defaults)
    given = _pairs(raw)
    problems = Problems()
    for name, text in given.items():
        _read_one(name, text, known, values, problems)
    for parameter in known.values():
        if parameter.required and parameter.name not in given:
            problems.add(parameter.name, "Required parameter missing")
    problems.refuse_if_any(_SUMMARY)
    return values


def _read_one(name: str, text: str, known: Mapping[str, Parameter], values: dict[str, Any], problems: Problems) -> None:
    parameter = known.get(name)
    if parameter is None:
        problems.add(name[:256], "Unknown parameter")
        return
    try:
        values[name] = parameter.kind.read(text)
    except Malformed as malformed:
        problems.add(name, str(malformed))


def _pairs(raw: bytes) -> dict[str, str]:
    try:
        listed = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise invalid_field("query", "Must be percent-encoded UTF-8", summary=_SUMMARY) from None
    except ValueError:
        raise invalid_field("query", f"At most {_MAX_PARAMETERS} parameters", summary=_SUMMARY) from None
    given = dict(listed)
    if len(given) != len(listed):
        names = [name for name, _ in listed]
        twice = sorted({name[:256] for name in names if names.count(name) > 1})
        raise invalid(_SUMMARY, *(FieldProblem(name, "Given more than once") for name in twice))
    return given
