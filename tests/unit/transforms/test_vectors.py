"""The published vectors of transforms, recomputed without our code where a key has a say."""

import hashlib
import hmac
import json
import math
import unicodedata
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from scripts.vectorlog import VECTORS
from scripts.vectortransforms import outcome

FOLDER = VECTORS / "transforms"
OPS = ("hash", "mask", "redact", "generalize", "bucketize", "date_shift", "noise")
MASK64 = (1 << 64) - 1


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def hkdf(master: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 without a salt, for up to two blocks."""
    pseudorandom = hmac.digest(bytes(32), master, "sha256")
    first = hmac.digest(pseudorandom, info + b"\x01", "sha256")
    return (first + hmac.digest(pseudorandom, first + info + b"\x02", "sha256"))[:length]


def info(case: dict[str, Any], what: str) -> bytes:
    named = {name: case[name] for name in ("organisation", "dataset", "use", "domain")}
    named |= {"format": "xase.transform-key", "version": 1, "what": what}
    named |= {"session": case["session"]} if case["domain"] == "grant" else {}
    named |= {"asked": True} if case.get("asked") else {}
    return json.dumps(named, sort_keys=True, separators=(",", ":")).encode()


def key(use: str, domain: str = "dataset") -> bytes:
    return next(bytes.fromhex(each["key"]) for each in cases("keys") if (each["use"], each["domain"]) == (use, domain))


def text(value: Any) -> bytes:
    if isinstance(value, bool):
        return str(value).lower().encode()
    return unicodedata.normalize("NFC", str(value)).encode()


def siphash(secret: bytes, first: int, second: int) -> int:
    """SipHash-2-4 of two words, as its paper has it."""
    k0, k1 = (int.from_bytes(secret[at : at + 8], "little") for at in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def add_rotate(a: int, b: int, bits: int, *, turn: bool) -> None:
        v[a] = (v[a] + v[b]) & MASK64
        v[b] = ((v[b] << bits | v[b] >> (64 - bits)) & MASK64) ^ v[a]
        if turn:
            v[a] = (v[a] << 32 | v[a] >> 32) & MASK64

    def rounds(count: int) -> None:
        for _ in range(count):
            add_rotate(0, 1, 13, turn=True)
            add_rotate(2, 3, 16, turn=False)
            add_rotate(0, 3, 21, turn=False)
            add_rotate(2, 1, 17, turn=True)

    for word in (first, second, 16 << 56):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


@pytest.mark.parametrize(
    "case", cases("keys"), ids=lambda case: f"{case['use']} {case['domain']}{' asked' * case.get('asked', False)}"
)
def test_keys_are_hkdf_of_all_that_they_depend_on(case):
    master = bytes.fromhex(case["master_key"])
    assert hkdf(master, info(case, "key"), len(case["key"]) // 2).hex() == case["key"]
    assert hkdf(master, info(case, "id"), 8).hex() == case["key_id"]


@pytest.mark.parametrize("case", cases("hash"), ids=lambda case: f"{case['type']} {case['spec']}")
def test_hashes_are_hmacs_of_texts(case):
    secret = key("hash", case["spec"].get("domain", "grant"))
    assert case["outputs"] == [
        None if value is None else hmac.new(secret, text(value), hashlib.sha256).hexdigest() for value in case["inputs"]
    ]


@pytest.mark.parametrize("case", cases("date_shift"), ids=lambda case: str(case["spec"]["max_days"]))
def test_shifts_are_hmacs_of_subjects(case):
    most = case["spec"]["max_days"]
    for value, subject, output in zip(case["inputs"], case["subjects"], case["outputs"], strict=True):
        if value is None or subject is None:
            assert output is None
            continue
        place = int.from_bytes(hmac.digest(key("date_shift"), text(subject), "sha256")[:8], "big") % (2 * most)
        days = place - most + (place >= most)
        assert datetime.fromisoformat(output) == datetime.fromisoformat(value) + timedelta(days=days)


@pytest.mark.parametrize("case", cases("noise"), ids=lambda case: case["type"])
def test_noise_is_siphash_of_records(case):
    for number, (value, output) in enumerate(zip(case["inputs"], case["outputs"], strict=True)):
        word = siphash(key("noise:value"), number, 0)
        share = (((word << 1) & MASK64) >> 11) + 0.5
        noise = (-1 if word >> 63 else 1) * -math.log(share / 2**53) * case["spec"]["scale"]
        if value is None:
            assert output is None
        elif case["type"] == "int":
            assert output == value + round(noise)
        else:
            assert output == pytest.approx(value + noise, abs=1e-9)


@pytest.mark.parametrize("case", cases("tokens"), ids=lambda case: f"{case['token'][-2:]} {case['domain']}")
def test_a_place_of_the_map_is_found_by_an_hmac_and_holds_the_value_sealed(case):
    assert case["name"] == hmac.digest(key("tokenize", case["domain"]), text(case["value"]), "sha256").hex()
    assert case["session"] == (cases("keys")[0]["session"] if case["domain"] == "grant" else None)
    context = [bytes.fromhex(case["token"].removeprefix("tok_")), (case["session"] or "").encode()]
    assert AESSIV(key("tokenize:seal")).decrypt(bytes.fromhex(case["sealed"]), context) == text(case["value"])


@pytest.mark.parametrize("op", OPS)
def test_the_published_outputs_still_come_out(op):
    for case in cases(op):
        spec = dict(case["spec"])
        assert outcome(spec.pop("op"), case["type"], spec, case["inputs"]) == case
