"""Sealing by joining prepared pieces gives the canonical form of the whole, and reading gives it back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.test_proof_canonical import TEXTS, VALUES, closed
from xase.proof.canonical import MAX_INTEGER, canonical
from xase.proof.digest import commitment, format_digest
from xase.proof.entry import Draft, EntryError, format_time, parse_entry, parse_time

WORDS = TEXTS.filter(bool)
DIGESTS = st.binary(min_size=32, max_size=32).map(format_digest)
ORIGINS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters='+"\\'), min_size=1, max_size=40
)
PLACES = st.integers(0, MAX_INTEGER)
TIMES = st.integers(0, 253_402_300_799_999)
DRAFTS = st.builds(
    Draft,
    type=WORDS,
    id=WORDS,
    stream=WORDS,
    actor=st.dictionaries(TEXTS, TEXTS, max_size=3),
    body=st.dictionaries(TEXTS, VALUES.filter(closed), max_size=4),
    commitments=st.dictionaries(TEXTS, DIGESTS, max_size=4),
)


@given(draft=DRAFTS, log=ORIGINS, index=PLACES, sequence=PLACES, time_ms=TIMES, previous_hash=DIGESTS)
def test_a_sealed_entry_is_the_canonical_form_of_its_fields(draft, log, index, sequence, time_ms, previous_hash):
    raw = draft.prepare().seal(log=log, index=index, sequence=sequence, time_ms=time_ms, previous_hash=previous_hash)
    fields = {
        "v": 1,
        "log": log,
        "stream": draft.stream,
        "sequence": sequence,
        "index": index,
        "type": draft.type,
        "id": draft.id,
        "time": format_time(time_ms),
        "actor": dict(draft.actor),
        "body": dict(draft.body),
        "commitments": dict(draft.commitments),
        "previous_hash": previous_hash,
    }
    assert raw == canonical(fields)
    assert dict(parse_entry(raw).fields) == fields
    assert parse_entry(raw).time_ms == time_ms


@given(DRAFTS, st.integers(0), st.integers(0, 7))
def test_a_changed_bit_is_refused_or_changes_the_hash(draft, at, bit):
    place = {"log": "l", "index": 1, "sequence": 1, "time_ms": 1, "previous_hash": format_digest(bytes(32))}
    raw = draft.prepare().seal(**place)
    changed = bytearray(raw)
    changed[at % len(raw)] ^= 1 << bit
    try:
        other = parse_entry(bytes(changed))
    except EntryError:
        return
    assert other.hash != parse_entry(raw).hash


@given(st.binary(max_size=80) | VALUES.map(lambda value: canonical({"v": 1, "body": value})))
def test_anything_else_is_refused(raw):
    with pytest.raises(EntryError):
        parse_entry(raw)


@given(TIMES)
def test_times_are_read_as_they_were_written(ms):
    text = format_time(ms)
    assert parse_time(text) == ms
    assert len(text) == len("2025-01-15T14:32:00.000Z")


@given(TIMES, TIMES)
def test_times_sort_as_text(one, other):
    assert (one < other) == (format_time(one) < format_time(other))


@given(st.text(max_size=8), st.binary(min_size=32, max_size=32), st.binary(max_size=8), st.binary(max_size=8))
def test_commitments_to_two_values_differ(name, salt, value, other):
    assert (commitment(name, salt, value) == commitment(name, salt, other)) == (value == other)
