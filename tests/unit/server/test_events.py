"""Every type of entry is an event for webhooks, or is named as none; code and both spec pages have the same ones."""

import re
from pathlib import Path
from typing import get_args

from xase_server.domain.entries import EntryType
from xase_server.domain.webhooks import EVENTS, NO_EVENTS

SPEC = Path(__file__).parents[3] / "docs" / "spec"
TYPES = set(get_args(EntryType))


def first_column(page: str, heading: str) -> set[str]:
    """The code words of the first column of the table that has this heading."""
    table = (SPEC / page).read_text("utf-8").split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0]
    cells = (line.split("|")[1] for line in table.splitlines()[2:])
    return {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}


def test_every_type_of_entry_is_an_event_or_none_with_its_reason():
    told = {event.type for event in EVENTS.values()}
    assert told.isdisjoint(NO_EVENTS)
    assert told | set(NO_EVENTS) == TYPES
    assert all(NO_EVENTS.values())


def test_the_spec_names_every_type_of_entry():
    assert first_column("evidence.md", "type | body | parts") == TYPES


def test_the_spec_names_every_event_and_what_is_none():
    assert first_column("api.md", "event | of") == set(EVENTS)
    rest = (SPEC / "api.md").read_text("utf-8").split("All other types of\nentries are no events:", 1)[1]
    said = rest.split("\n\n", 1)[0]
    assert {"webhook_test", "webhook_replayed", "signing_key_rotated"} <= set(re.findall(r"`(\w+)`", said))
