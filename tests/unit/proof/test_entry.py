import json
from typing import Any

import pytest

from scripts.vectorlog import ACTOR, ORIGIN, STREAM, VECTORS
from xase.proof.canonical import canonical, parse_canonical
from xase.proof.digest import (
    ZERO_DIGEST,
    commitment,
    format_digest,
    is_digest,
    leaf_hash,
    node_hash,
    parse_digest,
    sha256_digest,
)
from xase.proof.entry import MAX_ENTRY_BYTES, Draft, EntryError, entry_digest, format_time, parse_entry, parse_time

DRAFT = Draft("decision", "rec_0000000000000001", STREAM, ACTOR, {"model_id": "m"}, {"input": f"sha256:{'a' * 64}"})
PLACE: dict[str, Any] = {
    "log": ORIGIN,
    "index": 5,
    "sequence": 3,
    "time_ms": 1_736_951_520_000,
    "previous_hash": ZERO_DIGEST,
}


def fields(**changes: Any) -> dict[str, Any]:
    return parse_canonical(DRAFT.prepare().seal(**PLACE)) | changes


def test_a_sealed_entry_is_the_canonical_form_of_what_it_says():
    raw = DRAFT.prepare().seal(**PLACE)
    assert raw == canonical(
        {
            "v": 1,
            "log": ORIGIN,
            "stream": STREAM,
            "sequence": 3,
            "index": 5,
            "type": "decision",
            "id": "rec_0000000000000001",
            "time": "2025-01-15T14:32:00.000Z",
            "actor": dict(ACTOR),
            "body": {"model_id": "m"},
            "commitments": {"input": f"sha256:{'a' * 64}"},
            "previous_hash": ZERO_DIGEST,
        }
    )


def test_a_parsed_entry_says_what_was_sealed():
    raw = DRAFT.prepare().seal(**PLACE)
    entry = parse_entry(raw)
    assert entry.raw == raw
    assert entry.hash == entry_digest(raw) == format_digest(entry.leaf)
    assert (entry.log, entry.stream, entry.index, entry.sequence) == (ORIGIN, STREAM, 5, 3)
    assert (entry.type, entry.id, entry.time) == ("decision", "rec_0000000000000001", "2025-01-15T14:32:00.000Z")
    assert entry.time_ms == PLACE["time_ms"]
    assert (dict(entry.actor), dict(entry.body)) == (ACTOR, {"model_id": "m"})
    assert entry.commitments == {"input": f"sha256:{'a' * 64}"}
    assert entry.previous_hash == ZERO_DIGEST


def test_unknown_fields_are_kept():
    entry = parse_entry(canonical(fields(later={"thing": [1]})))
    assert entry.fields["later"] == {"thing": [1]}


def test_names_outside_ascii_are_read_by_the_strict_reading():
    assert parse_entry(canonical(fields(body={"ключ": "é", "\U00010000": 1, "\ue000": 2}))).body["ключ"] == "é"


@pytest.mark.parametrize("vector", json.loads((VECTORS / "entries/entries.json").read_text()))
def test_entry_vectors_have_their_hash(vector):
    assert parse_entry(vector["entry"].encode()).hash == vector["hash"]


@pytest.mark.parametrize("vector", json.loads((VECTORS / "entries/sealed.json").read_text()))
def test_sealed_vectors_have_their_hash(vector):
    assert parse_entry(vector["entry"].encode()).hash == vector["hash"]


@pytest.mark.parametrize("vector", json.loads((VECTORS / "entries/commitments.json").read_text()))
def test_commitment_vectors_have_their_digest(vector):
    salt, value = bytes.fromhex(vector["salt"]), vector["value"].encode()
    assert commitment(vector["part"], salt, value) == vector["commitment"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2),
        ("v", True),
        ("v", "1"),
        ("log", ""),
        ("log", None),
        ("stream", 1),
        ("sequence", -1),
        ("sequence", "1"),
        ("sequence", True),
        ("index", 1.5),
        ("index", -1),
        ("type", ""),
        ("id", []),
        ("time", "2025-01-15T14:32:00Z"),
        ("time", "2025-02-30T14:32:00.000Z"),
        ("time", "2025-01-15T24:00:00.000Z"),
        ("time", "2025-01-15T14:32:60.000Z"),
        ("time", "2025-01-15t14:32:00.000z"),
        ("time", "2025-01-15T14:32:00.000Z\n"),
        ("time", "٢٠٢٥-01-15T14:32:00.000Z"),
        ("time", 1),
        ("actor", {"key": 1}),
        ("actor", []),
        ("body", "text"),
        ("body", None),
        ("commitments", {"input": "sha256:short"}),
        ("commitments", {"input": f"sha256:{'A' * 64}"}),
        ("commitments", {"a": f"sha256:{'a' * 63}", "b": f"sha256:{'a' * 65}"}),
        ("commitments", {"a": f"sha256:{'a' * 64}\nsha256:{'a' * 64}"}),
        ("commitments", {"input": 1}),
        ("commitments", []),
        ("previous_hash", ""),
        ("previous_hash", None),
    ],
)
def test_a_field_of_the_wrong_type_is_refused_by_name(name, value):
    with pytest.raises(EntryError, match=f"field {name} is malformed"):
        parse_entry(canonical(fields(**{name: value})))


@pytest.mark.parametrize("name", sorted(fields()))
def test_a_missing_field_is_refused_by_name(name):
    without = {each: value for each, value in fields().items() if each != name}
    with pytest.raises(EntryError, match=f"field {name} is missing"):
        parse_entry(canonical(without))


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'"text"', b"{}", b"\xff", b'{"v":1,"v":1}', b"{" * 70_000])
def test_what_is_no_entry_is_refused(raw):
    with pytest.raises(EntryError):
        parse_entry(raw)


def test_an_entry_in_other_bytes_is_refused():
    raw = DRAFT.prepare().seal(**PLACE)
    for other in (raw + b"\n", b" " + raw, raw.replace(b":", b": ", 1), raw.replace(b'"index":5', b'"index":5.0')):
        with pytest.raises(EntryError):
            parse_entry(other)


def test_a_number_that_not_every_reader_keeps_is_refused():
    raw = DRAFT.prepare().seal(**PLACE)
    for place in (b'"index":9007199254740992', b'"index":18446744073709551616'):
        with pytest.raises(EntryError):
            parse_entry(raw.replace(b'"index":5', place))


def test_a_draft_that_might_become_too_long_is_refused_before_it_is_sealed():
    long = Draft("decision", "rec_1", STREAM, ACTOR, {"model_id": "x" * (MAX_ENTRY_BYTES - 500)}, {})
    with pytest.raises(EntryError, match="at most"):
        long.prepare()


def test_the_longest_draft_seals_within_the_limit_wherever_it_is_put():
    place = {
        "log": "é" * 127 + "x",
        "index": 2**53 - 1,
        "sequence": 2**53 - 1,
        "time_ms": 253_402_300_799_999,
        "previous_hash": ZERO_DIGEST,
    }
    longest = next(filter(None, map(prepared_with, range(MAX_ENTRY_BYTES, 0, -1))))
    raw = longest.seal(**place)
    assert MAX_ENTRY_BYTES - 200 < len(raw) <= MAX_ENTRY_BYTES


def prepared_with(room):
    """A draft with this many characters in its body, or None when they are too many."""
    try:
        return Draft("decision", "rec_1", STREAM, ACTOR, {"model_id": "x" * room}, {}).prepare()
    except EntryError:
        return None


def test_a_draft_that_is_not_json_is_refused():
    with pytest.raises(EntryError):
        Draft("decision", "rec_1", STREAM, ACTOR, {"model_id": float("nan")}, {}).prepare()


@pytest.mark.parametrize("log", ["", "x" * 256, "a b", "a+b", 'a"b', "a\\b", "a\x01b"])
def test_an_origin_has_a_name_of_bounded_length(log):
    with pytest.raises(EntryError, match="origin"):
        DRAFT.prepare().seal(**PLACE | {"log": log})


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_736_951_520_000, "2025-01-15T14:32:00.000Z"),
        (951_827_696_789, "2000-02-29T12:34:56.789Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_written_and_read_in_one_form(ms, text):
    assert format_time(ms) == text
    assert parse_time(text) == ms


@pytest.mark.parametrize(
    "text", ["", "2025-01-15", "2025-01-15T14:32:00.000", "2025-01-15T14:32:00.000+00:00", "x" * 24]
)
def test_other_forms_of_time_are_refused(text):
    with pytest.raises(ValueError):
        parse_time(text)


def test_hashes_are_those_of_rfc_6962():
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(leaf_hash(b""), leaf_hash(b"\x00")).hex() == (
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    )


def test_digests_are_written_and_read_in_one_form():
    raw = leaf_hash(b"x")
    assert parse_digest(format_digest(raw)) == raw
    assert sha256_digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for text in ("", "sha256:", raw.hex(), f"sha256:{raw.hex().upper()}", f"sha256:{raw.hex()}\n", f"sha1:{raw.hex()}"):
        assert not is_digest(text)
        with pytest.raises(ValueError):
            parse_digest(text)


def test_a_commitment_depends_on_name_salt_and_value():
    wanted = commitment("input", b"s" * 32, b"1")
    others = [
        commitment("output", b"s" * 32, b"1"),
        commitment("input", b"t" * 32, b"1"),
        commitment("input", b"s" * 32, b"2"),
    ]
    assert wanted not in others
