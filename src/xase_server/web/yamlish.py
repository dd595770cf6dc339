"""YAML as another way to write JSON: the JSON types only, and nothing that two readers take differently.

Plain `no`, `12:30` and dates are text; aliases, anchors, tags and repeated keys are refused.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from xase.proof.canonical import MAX_DEPTH
from xase_server.domain.errors import Refused, invalid_field
from xase_server.web.body import parse_body, too_large

MAX_BYTES: Final = 64 << 10
"""Reading YAML takes longer than reading JSON, which may be longer."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}


def parse_yaml(raw: bytes) -> Any:
    """The value of a YAML document, by the same rules as a JSON body.

    Raises `payload_too_large`, or `validation_error` with the place of what cannot be read.
    """
    if len(raw) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    try:
        events = yaml.parse(raw.decode("utf-8"), Loader=yaml.SafeLoader)
        value = _Document(events).read()
    except UnicodeDecodeError:
        raise invalid_field("body", "Not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise invalid_field("body", f"Not YAML at line {line}") from None
    except (yaml.YAMLError, RecursionError):
        raise invalid_field("body", "Not YAML") from None
    return parse_body(json.dumps(value).encode())


class _Document:
    """One document, read from the events of the parser."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events

    def read(self) -> Any:
        """Its value; there must be no second document."""
        self._expect(yaml.StreamStartEvent)
        self._expect(yaml.DocumentStartEvent)
        value = self._value(next(self._events), "", 0)
        self._expect(yaml.DocumentEndEvent)
        self._expect(yaml.StreamEndEvent)
        return value

    def _expect(self, kind: type[yaml.Event]) -> None:
        if not isinstance(next(self._events), kind):
            raise invalid_field("body", "Must be exactly one YAML document")

    def _value(self, event: yaml.Event, path: str, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refusal(path, event, "Anchors and aliases are not read")
        if getattr(event, "tag", None) is not None:
            raise _refusal(path, event, "Tags are not read")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if depth == MAX_DEPTH:
            raise _refusal(path, event, f"Nested deeper than {MAX_DEPTH}")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth + 1)
        return self._list(path, depth + 1)

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor is not None:
                raise _refusal(path, event, "A key must be plain text")
            place = f"{path}.{event.value}" if path else event.value
            if event.value in found:
                raise _refusal(place, event, "Given more than once")
            found[event.value] = self._value(next(self._events), place, depth)
        return found

    def _list(self, path: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, f"{path}.{len(found)}" if path else str(len(found)), depth))
        return found


def _scalar(event: yaml.ScalarEvent) -> Any:
    text = event.value
    if event.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return json.loads(text) if _NUMBER.fullmatch(text) else text


def _refusal(path: str, event: yaml.Event, message: str) -> Refused:
    return invalid_field(path[:256] or "body", f"{message} (line {event.start_mark.line + 1})")
