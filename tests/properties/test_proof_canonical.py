"""Canonical JSON against its reference, on whatever JSON can say."""

import json
import math

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from xase.proof import canonical as module
from xase.proof.canonical import (
    MAX_INTEGER,
    CanonicalError,
    canonical,
    canonical_values,
    is_common,
    parse_canonical,
    parse_strict,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**6), 10**6).map(float),
    st.builds(lambda digits, exponent: digits * 10.0**exponent, st.integers(-9999, 9999), st.integers(-12, 24)),
)
NUMBERS = st.one_of(st.integers(-MAX_INTEGER, MAX_INTEGER), FLOATS)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5), max_leaves=25
)


def closed(value: object) -> bool:
    """Whether every number's canonical text is one that I-JSON reads: 1e20 is written as too long an integer."""
    if isinstance(value, float):
        return not (MAX_INTEGER < abs(value) < 1e21 and value.is_integer())
    if isinstance(value, dict):
        return all(map(closed, value.values()))
    return all(map(closed, value)) if isinstance(value, list) else True


@given(VALUES)
def test_canonical_is_the_reference(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_values_together_are_as_each_by_itself(values):
    assert canonical_values(values) == {name: canonical(value) for name, value in values.items()}


@given(VALUES)
def test_on_common_ground_both_fast_encoders_are_the_reference(value):
    wanted = rfc8785.dumps(value)
    if is_common(value):
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == text.encode() == wanted


@given(VALUES.filter(closed))
def test_canonical_bytes_are_read_back_and_written_again_unchanged(value):
    raw = canonical(value)
    again = parse_canonical(raw)
    assert again == parse_strict(raw) == value
    assert canonical(again) == raw


@given(VALUES.filter(closed), st.integers(0, 2**16), st.integers(0, 7))
def test_two_different_byte_strings_are_never_the_canonical_form_of_one_value(value, at, bit):
    raw = canonical(value)
    changed = bytearray(raw)
    changed[at % len(raw)] ^= 1 << bit
    try:
        other = parse_canonical(bytes(changed))
    except CanonicalError:
        return
    assert canonical(other) == bytes(changed) != raw
    assert type(other) is not type(value) or other != value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    try:
        value = parse_strict(data)
    except CanonicalError:
        return
    assert value == json.loads(data)


@given(st.text(alphabet='{}[]",:0123456789eE.-+ntfalsru \\\ud800', max_size=40))
def test_json_like_text_is_read_as_others_read_it_or_refused(text):
    data = text.encode("utf-8", "surrogatepass")
    try:
        value = parse_strict(data)
    except CanonicalError:
        return
    assert value == orjson.loads(data)
    assert parse_canonical(canonical(value)) == value


@given(st.floats())
def test_floats_outside_json_are_refused_and_all_others_written(number):
    if math.isfinite(number):
        assert float(canonical(number)) == number
    else:
        with pytest.raises(CanonicalError):
            canonical(number)
        with pytest.raises(CanonicalError):
            canonical_values({"a": 1, "b": number})


def test_the_light_encoder_is_there_without_orjson(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "orjson", None)
    encode, decode = module._fastest()
    assert encode({"b": 1, "a": [0.5, "é"]}) == '{"a":[0.5,"é"],"b":1}'.encode()
    assert decode(b"[1]") == [1]
