import enum
import json
import struct
import uuid
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest
import rfc8785

from scripts.vectorlog import VECTORS
from xase.proof import canonical as module
from xase.proof.canonical import CanonicalError, canonical, parse_canonical, parse_strict

ES6_PREFIXES = {
    1_000: "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687",
    10_000: "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892",
    100_000: "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7",
}


def es6_numbers() -> Iterator[float]:
    """The sequence whose prefixes RFC 8785's authors have published hashes of."""
    lines = Path(__file__).with_name("es6_numbers.txt").read_text().splitlines()
    fixed = [word for line in lines if not line.startswith("#") for word in line.split()]
    patterns = [int(word, 16) for word in fixed] + [0x0010000000000000 + number for number in range(2000)]
    yield from (struct.unpack(">d", pattern.to_bytes(8, "big"))[0] for pattern in patterns)
    block = bytes(32)
    while True:
        block = sha256(block).digest()
        words = struct.unpack("<4d", block)
        yield from (word for word in words if word - word == 0 and word != 0)


@pytest.fixture(params=["orjson", "standard library"])
def encoder(request, monkeypatch):
    """Each of the fast encoders in turn: the light install has no orjson."""
    if request.param == "orjson":
        pytest.importorskip("orjson", reason="orjson is not installed, so only the standard library is there to test")
    else:
        monkeypatch.setitem(__import__("sys").modules, "orjson", None)
        encode, decode = module._fastest()
        monkeypatch.setattr(module, "_encode", encode)
        monkeypatch.setattr(module, "_decode", decode)


@pytest.mark.parametrize("count", [1_000, 10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_the_es6_number_sequence_has_the_published_prefix_hashes(count, encoder):
    digest = sha256()
    for number in islice(es6_numbers(), count):
        (pattern,) = struct.unpack(">Q", struct.pack(">d", number))
        digest.update(b"%x,%b\n" % (pattern, canonical([number])[1:-1]))
    assert digest.hexdigest() == ES6_PREFIXES[count]


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_the_vectors_of_rfc_8785_pass(name, shared, encoder):
    folder = shared / "vectors" / "rfc8785"
    wanted = bytes.fromhex((folder / "outhex" / f"{name}.txt").read_text().replace("\n", " "))
    value = parse_strict((folder / "input" / f"{name}.json").read_bytes())
    assert canonical(value) == wanted
    assert canonical(parse_canonical(wanted)) == wanted


@pytest.mark.parametrize("vector", json.loads((VECTORS / "canonical/accepted.json").read_text()))
def test_accepted_vectors_have_their_canonical_form(vector, encoder):
    wanted = vector["canonical"].encode()
    assert canonical(parse_strict(vector["input"].encode())) == wanted
    assert canonical(parse_canonical(wanted)) == wanted


@pytest.mark.parametrize("vector", json.loads((VECTORS / "canonical/refused.json").read_text()))
def test_refused_vectors_are_refused_where_the_fault_is(vector, encoder):
    with pytest.raises(CanonicalError) as caught:
        parse_strict(vector["input"].encode("utf-8", "surrogatepass"))
    assert (caught.value.path, caught.value.reason.partition(":")[0]) == (vector["path"], vector["reason"])


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"a": [1, {"b": 2, "b": 3}]}', "a.1.b"),
        (b"[[9007199254740992]]", "0.0"),
        (b'{"x": {"y": NaN}}', "x.y"),
        (b'{"x": -Infinity, "y": NaN}', "x"),
        (b'{"a": 1e999}', "a"),
        (b'{"a": {"b": "\\ud800"}}', "a.b"),
        (b'[{"\\udfff": 1}]', "0"),
        (b"[" + b"9" * 5000 + b"]", "0"),
    ],
)
def test_a_fault_is_named_with_its_place(text, path):
    with pytest.raises(CanonicalError) as caught:
        parse_strict(text)
    assert caught.value.path == path


@pytest.mark.parametrize("data", [b"\xff", b"\xc3", b'"\xed\xa0\x80"', "{}".encode("utf-16"), b"\xef\xbb\xbf{}"])
def test_text_that_is_not_plain_utf8_is_refused(data):
    with pytest.raises(CanonicalError):
        parse_strict(data)


def test_depth_is_counted_in_containers():
    assert parse_strict(b"[" * 64 + b"]" * 64)
    with pytest.raises(CanonicalError, match="nested"):
        parse_strict(b"[" * 65 + b"]" * 65)
    with pytest.raises(CanonicalError, match="nested"):
        parse_strict(b'{"a":' * 3 + b"1" + b"}" * 3, max_depth=2)


def test_depth_is_named_before_what_lies_beyond_it():
    with pytest.raises(CanonicalError, match="nested"):
        parse_strict(b"[" * 65 + b"NaN" + b"]" * 65)


def test_many_shallow_containers_are_no_depth():
    assert parse_strict(b"[" + b"[]," * 500 + b"{}]") == [[]] * 500 + [{}]


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_depth_that_would_end_the_interpreter_is_refused(text):
    with pytest.raises(CanonicalError):
        parse_strict(text)


@pytest.mark.parametrize("text", [b'[{"a":1,"a":2}', b'{"a":{"b":1,"b":2} x', b"[1e400, x", b"[NaN}", b"[" + b"1" * 20])
def test_a_fault_before_text_that_is_no_json_does_not_crash(text):
    with pytest.raises(CanonicalError, match="not JSON"):
        parse_strict(text)


def test_a_duplicate_deep_inside_too_deep_text_does_not_crash():
    with pytest.raises(CanonicalError):
        parse_strict(b'[{"a":1,"a":2},' + b"[" * 500 + b"]" * 500 + b"]")


class Colour(enum.Enum):
    RED = 1


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [float("inf")],
        {"a": -float("inf")},
        2**53,
        {"a": [-(2**53)]},
        "\ud800",
        {"\ud800": 1},
        {1: 2},
        {None: 1},
        {True: 1},
        {1, 2},
        b"bytes",
        type("Thing", (), {"__str__": lambda self: "thing"})(),
        uuid.UUID(int=0),
        Colour.RED,
        {"a": uuid.UUID(int=0)},
    ],
    ids=str,
)
def test_what_json_cannot_say_is_refused(value, encoder):
    with pytest.raises(CanonicalError):
        canonical(value)


def test_nesting_without_end_is_refused(encoder):
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(CanonicalError):
        canonical(endless)


@pytest.mark.parametrize(
    "value",
    [
        {"\ue000": 1, "\U00010000": 2},  # the two orders of keys differ: code points and UTF-16 units
        [1.0, -0.0, 1e16, 1e21, 1e-5, 1e-7, 123456789012345680000.0],
        {"a": 1.0, "b": [2.0, {"c": 3.0}]},
        [True, False, None, 1, "x", (1, 2)],
        {"é": 1.0},
        {Text("b"): Text("x"), "a": Text("y")},
        [2**53 - 1, -(2**53) + 1],
        '\x00\x1f\x7f\u2028"\\/',
    ],
    ids=repr,
)
def test_the_fast_path_writes_what_the_reference_writes(value, encoder):
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "raw",
    [b'{"b":1,"a":2}', b"[1 ]", b"[1.0]", b"[1e2]", b'{"a":1,"a":1}', b'["\\u0041"]', b"[-0]", b"[0.00001 ]", b"[NaN]"],
)
def test_bytes_that_are_not_canonical_are_refused(raw, encoder):
    with pytest.raises(CanonicalError):
        parse_canonical(raw)


@pytest.mark.parametrize("raw", [b"[1e-7]", b"[1e+21]", '{"é":0.00001}'.encode(), b"null", b"[0.000001]", b"[5e-324]"])
def test_uncommon_canonical_bytes_are_read_by_the_strict_reading(raw, encoder):
    assert canonical(parse_canonical(raw)) == raw
