"""What goes into a bundle is bounded: by entries and by bytes."""

import json

import pytest

from xase_server.domain.entries import Part
from xase_server.domain.errors import Refused
from xase_server.services.collected import Collected


def entry(index: int) -> bytes:
    return json.dumps({"index": index, "type": "decision", "stream": "decisions/org", "body": {}}).encode()


def test_more_entries_than_the_limit_are_refused_by_their_number():
    collected = Collected(limit=2)
    for index in (1, 2, 2):
        collected.add(entry(index), {})
    with pytest.raises(Refused, match="too large") as refusal:
        collected.add(entry(3), {})
    assert "more than 2 entries" in str(refusal.value.details)


def test_parts_count_towards_the_bytes_once():
    part = {"input": Part(bytes(32), b'"' + b"x" * 998 + b'"')}
    collected = Collected(limit=100, most_bytes=2_500)
    for index in (1, 1, 2):
        collected.add(entry(index), part)
    with pytest.raises(Refused) as refusal:
        collected.add(entry(3), part)
    assert "more than 2,500 bytes" in str(refusal.value.details)
