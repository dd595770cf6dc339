"""Instants and durations as callers write them (docs/spec/api.md, section 1)."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from xase_server.domain.errors import invalid_field
from xase_server.domain.forms import A_DURATION

_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_BARE_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,12})?)?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_FORM: Final = "Must be an ISO 8601 date or date-time, such as 2026-01-31 or 2026-01-31T14:32:00Z"
DAY_MS: Final = 86_400_000
MAX_DURATION_MS: Final = 999_999 * 7 * DAY_MS
"""The longest duration that can be written."""


def parse_instant(text: str, field: str, *, end_of_day: bool = False) -> int:
    """Milliseconds since 1970 UTC of an ISO 8601 date or date-time; without an offset it is UTC.

    A bare date is its first millisecond or, with `end_of_day`, the first of the next day. What
    lies before 1970 or after 9999 is moved to that end: nothing here happened there. Raises
    `validation_error` naming `field`.
    """
    try:
        milliseconds = _read_instant(text, end_of_day=end_of_day)
    except ValueError:
        raise invalid_field(field, _FORM) from None
    return min(max(milliseconds, 0), _LAST_MS)


def parse_end(text: str, field: str) -> int:
    """The first millisecond behind a period that includes this date or instant, as `parse_instant` reads it."""
    end = parse_instant(text, field, end_of_day=True)
    return end if _BARE_DATE.fullmatch(text) else min(end + 1, _LAST_MS)


def _read_instant(text: str, *, end_of_day: bool) -> int:
    if _BARE_DATE.fullmatch(text):
        day = date.fromisoformat(text)
        return _to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC)) + (DAY_MS if end_of_day else 0)
    if not _DATE_TIME.fullmatch(text):
        raise ValueError("neither a date nor a date-time")
    instant = datetime.fromisoformat(text.upper())
    return _to_ms(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def _to_ms(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def parse_duration(text: str, field: str, *, maximum_ms: int) -> int:
    """Milliseconds of `90m`, `24h`, `30d`, `2w`; raises `validation_error` naming `field`."""
    match = _DURATION.fullmatch(text)
    if match is None and text != "0":
        raise invalid_field(field, A_DURATION)
    milliseconds = int(match[1]) * _UNIT_MS[match[2]] if match else 0
    if milliseconds > maximum_ms:
        raise invalid_field(field, f"At most {maximum_ms // DAY_MS}d")
    return milliseconds


def format_duration(milliseconds: int) -> str:
    """The length as `parse_duration` reads it, in the largest unit that leaves no rest."""
    if not milliseconds:
        return "0"
    unit = max((unit for unit in _UNIT_MS if milliseconds % _UNIT_MS[unit] == 0), key=_UNIT_MS.__getitem__)
    return f"{milliseconds // _UNIT_MS[unit]}{unit}"
