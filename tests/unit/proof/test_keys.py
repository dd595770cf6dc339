from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest

from scripts.vectorlog import KEYS, ORIGIN, document_signer, ed25519_pem, log_signer, witness
from xase.proof.keys import (
    DocumentSigner,
    DocumentVerifier,
    KeyMaterialError,
    LogSigner,
    LogVerifier,
    Seal,
    SmallSeal,
    WitnessVerifier,
)

YEAR = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC))


def test_a_log_key_is_kept_and_restored():
    made = LogSigner.generate("new.example/log")
    again = LogSigner.from_pem("new.example/log", made.to_pem())
    assert (again.vkey, again.key_id) == (made.vkey, made.key_id)
    assert made.verifier.verify(b"message", again.sign(b"message"))
    assert not made.verifier.verify(b"message!", again.sign(b"message"))


def test_two_generated_keys_differ():
    assert LogSigner.generate("a").vkey != LogSigner.generate("a").vkey


def test_a_log_key_is_read_from_its_public_pem():
    verifier = LogVerifier.from_pem(ORIGIN, log_signer().public_pem)
    assert verifier.vkey == log_signer().vkey
    assert verifier.public_pem == log_signer().public_pem


def test_the_name_is_part_of_the_key_id():
    assert log_signer("a.example").key_id != log_signer("b.example").key_id


@pytest.mark.slow
def test_a_document_key_is_kept_and_restored():
    made = DocumentSigner.generate()
    again = DocumentSigner.from_pem(made.to_pem())
    assert (again.public_pem, again.key_id) == (made.public_pem, made.key_id)
    assert made.verifier.verify(b"message", again.sign(b"message"))


def test_a_document_signature_is_the_same_each_time_and_of_one_message():
    signer = document_signer()
    signature = signer.sign(b"message")
    assert signature == signer.sign(b"message")
    verifier = DocumentVerifier(signer.public_pem)
    assert verifier.verify(b"message", signature)
    assert not verifier.verify(b"message!", signature)
    assert not verifier.verify(b"message", b"")
    assert not document_signer("other-document").verifier.verify(b"message", signature)


def test_a_certificate_is_the_same_each_time():
    signer = document_signer()
    pem = signer.certificate_pem("x" * 100, *YEAR)
    assert pem == signer.certificate_pem("x" * 100, *YEAR)
    assert pem.startswith("-----BEGIN CERTIFICATE-----")


RSA_PUBLIC = document_signer().public_pem
RSA_PRIVATE = (KEYS / "document.private.pem").read_text()
ED_PRIVATE = ed25519_pem("any")


@pytest.mark.parametrize(
    "pem", ["", "text", RSA_PUBLIC, RSA_PRIVATE, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_log_key_is_refused(pem):
    with pytest.raises(KeyMaterialError):
        LogSigner.from_pem(ORIGIN, pem)


@pytest.mark.parametrize("pem", ["", ED_PRIVATE, RSA_PUBLIC, b"\xff"])
def test_what_is_no_document_key_is_refused(pem):
    with pytest.raises(KeyMaterialError):
        DocumentSigner.from_pem(pem)


def test_an_rsa_key_with_a_bit_turned_is_no_key():
    whole = b64decode("".join(RSA_PRIVATE.splitlines()[1:-1]))
    for at in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        text = b64encode(damaged).decode()
        with pytest.raises(KeyMaterialError):
            DocumentSigner.from_pem(f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")


@pytest.mark.parametrize("pem", ["", RSA_PRIVATE, log_signer().public_pem])
def test_what_is_no_public_document_key_is_refused(pem):
    with pytest.raises(KeyMaterialError):
        DocumentVerifier(pem)


def test_a_small_rsa_key_is_refused():
    """1,024 bits: whoever can factor it can sign."""
    small = (
        "-----BEGIN PUBLIC KEY-----\n"
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDDETlV35iaW7mHRUX4f5uKtzVG\n"
        "9wqiNwjcCWjoWkxMuT01MvZW0VF6aDzF34Nzisb8uper++acARxhRHu0/kV0DFTs\n"
        "5rwOiCVOHxMDmwyufWJIwp8kLbybEfPCZCahYskNzYxvxlKcYhPdzDXXZBtUrJDY\n"
        "O/A1GbLSAlbqqB/RXQIDAQAB\n"
        "-----END PUBLIC KEY-----\n"
    )
    with pytest.raises(KeyMaterialError, match="bits"):
        DocumentVerifier(small)


@pytest.mark.parametrize("public", [b"", b"x" * 31, b"x" * 33])
def test_a_public_key_of_another_length_is_refused(public):
    with pytest.raises(KeyMaterialError):
        LogVerifier(ORIGIN, public)
    with pytest.raises(KeyMaterialError):
        WitnessVerifier("w.example", public)


def test_log_and_witness_keys_are_not_taken_for_each_other():
    with pytest.raises(KeyMaterialError):
        LogVerifier.from_vkey(witness().verifier.vkey)
    with pytest.raises(KeyMaterialError):
        WitnessVerifier.from_vkey(log_signer().vkey)


def test_a_log_key_is_not_read_from_another_kind_of_pem():
    with pytest.raises(KeyMaterialError):
        LogVerifier.from_pem(ORIGIN, RSA_PUBLIC)


def test_a_sealed_secret_opens_in_its_context_only():
    seal = Seal(Seal.generate())
    sealed = seal.seal(b"secret", b"here")
    assert seal.open(sealed, b"here") == b"secret"
    assert sealed != seal.seal(b"secret", b"here")
    for data, context in ((sealed, b"there"), (sealed[:-1], b"here"), (sealed[:5], b"here"), (b"", b"here")):
        with pytest.raises(KeyMaterialError):
            seal.open(data, context)
    with pytest.raises(KeyMaterialError):
        Seal(Seal.generate()).open(sealed, b"here")


def test_small_secrets_open_in_their_context_only():
    seal = SmallSeal(bytes(range(64)))
    sealed = seal.seal(b"secret", (b"here", b""))
    assert sealed == seal.seal(b"secret", (b"here", b""))
    assert len(sealed) == len(b"secret") + 16
    assert seal.open(sealed, (b"here", b"")) == b"secret"
    assert seal.open(seal.seal(b"", (b"here",)), (b"here",)) == b""
    for data, context in (
        (sealed, (b"here",)),
        (sealed, (b"", b"here")),
        (sealed[:-1], (b"here", b"")),
        (b"", (b"here", b"")),
    ):
        with pytest.raises(KeyMaterialError):
            seal.open(data, context)
    with pytest.raises(KeyMaterialError):
        SmallSeal(bytes(64)).open(sealed, (b"here", b""))
    with pytest.raises(KeyMaterialError):
        SmallSeal(bytes(32))


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_seal_has_a_key_of_32_bytes(size):
    with pytest.raises(KeyMaterialError):
        Seal(b"k" * size)
