import json

import pytest

from scripts.vectorlog import ORIGIN, VECTORS, VectorLog, ed25519_pem, log_signer, witness
from xase.proof.checkpoint import (
    MAX_SIGNATURES,
    Checkpoint,
    NoteError,
    Signature,
    format_vkey,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    sign_checkpoint,
    signers_of,
)
from xase.proof.keys import LogSigner, LogVerifier, WitnessVerifier

NOTES = json.loads((VECTORS / "checkpoint/notes.json").read_text())
HEAD = Checkpoint(ORIGIN, 7, b"r" * 32)


def verifiers():
    return [log_signer().verifier]


@pytest.mark.parametrize("vector", [note for note in NOTES if note["opens"]], ids=lambda vector: vector["about"])
def test_good_notes_open(vector):
    head = open_checkpoint(vector["note"], verifiers())
    assert (head.origin, head.size) == (ORIGIN, 4)
    assert len(signers_of(parse_note(vector["note"]), [witness().verifier])) == vector["witnesses"]


@pytest.mark.parametrize("vector", [note for note in NOTES if not note["opens"]], ids=lambda vector: vector["about"])
def test_bad_notes_are_refused(vector):
    with pytest.raises(NoteError):
        open_checkpoint(vector["note"], verifiers())


def test_a_checkpoint_is_read_as_it_was_signed():
    head = Checkpoint(ORIGIN, 2**63 - 1, b"\xff" * 32, ("one", "two words"))
    note = sign_checkpoint(head, [log_signer()])
    assert open_checkpoint(note, verifiers()) == head
    assert parse_note(note).body == head.body()


def test_one_of_several_trusted_keys_is_enough():
    older = LogSigner.from_pem(ORIGIN, ed25519_pem("an older key"))
    note = sign_checkpoint(HEAD, [older])
    assert open_checkpoint(note, [log_signer().verifier, older.verifier]) == HEAD
    with pytest.raises(NoteError, match="not signed by a trusted key"):
        open_checkpoint(note, verifiers())


def test_without_a_trusted_key_nothing_opens():
    with pytest.raises(NoteError):
        open_checkpoint(sign_checkpoint(HEAD, [log_signer()]), [])


def test_unknown_signatures_are_passed_over():
    stranger = LogSigner.from_pem("stranger.example", ed25519_pem("stranger"))
    assert open_checkpoint(sign_checkpoint(HEAD, [stranger, log_signer(), witness()]), verifiers()) == HEAD


def test_a_false_signature_of_a_known_key_voids_the_note():
    note = sign_checkpoint(HEAD, [log_signer()])
    false = Signature(ORIGIN, log_signer().key_id, bytes(64)).line()
    with pytest.raises(NoteError, match="false"):
        open_checkpoint(note + false, verifiers())


@pytest.mark.parametrize("length", [1, 63, 65])
def test_a_signature_of_another_length_is_false(length):
    note = f"{HEAD.body()}\n{Signature(ORIGIN, log_signer().key_id, bytes(length)).line()}"
    with pytest.raises(NoteError, match="false"):
        open_checkpoint(note, verifiers())


def test_a_cosignature_says_who_and_when():
    note = parse_note(sign_checkpoint(HEAD, [log_signer(), witness()]))
    one = witness().verifier
    assert signers_of(note, [one]) == [one]
    later = Signature(one.name, one.key_id, bytes(8) + note.signatures[1].signature[8:])
    assert not one.verify(note.body.encode(), later.signature)


@pytest.mark.parametrize("change", ["body", "time", "short"])
def test_a_changed_cosignature_is_false(change):
    body = HEAD.body().encode()
    signature = witness().sign(body)
    message = body.replace(b"7", b"8") if change == "body" else body
    changed = {"body": signature, "time": b"\x01" + signature[1:], "short": signature[:20]}[change]
    assert not witness().verifier.verify(message, changed)


def test_a_note_has_a_bounded_number_of_signatures():
    note = sign_checkpoint(HEAD, [log_signer()])
    line = Signature("other.example", b"abcd", b"x").line()
    assert len(parse_note(note + line * (MAX_SIGNATURES - 1)).signatures) == MAX_SIGNATURES
    with pytest.raises(NoteError, match="at most"):
        parse_note(note + line * MAX_SIGNATURES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "body\n",
        "\n\n— a YWJjZGVm\n",
        "body\n\n— a\n",
        "body\n\n— a b c\n",
        "body\n\n— a ====\n",
        "b\n\n— a YWJj\n",
        "b\n\n— a+b YWJjZGVm\n",
    ],
)
def test_what_is_no_note_is_refused(text):
    with pytest.raises(NoteError):
        parse_note(text)


def test_base64_has_one_form():
    note = sign_checkpoint(HEAD, [log_signer()])
    assert note.endswith("=\n")
    for sloppy in (note[:-2] + "\n", note[:-3] + chr(ord(note[-3]) + 1) + "=\n"):
        with pytest.raises(NoteError):
            parse_note(sloppy)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "a\n",
        "a\n1\n",
        "a\n1\nAAAA\n",
        "\n1\nAAAA\n",
        "a\nx\nAAAA\n",
        f"a\n{2**63}\n{'A' * 43}=\n",
        f"a\n1\n{'A' * 43}=\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(body):
    with pytest.raises(NoteError):
        parse_checkpoint(body)


def test_a_verifier_line_from_the_world_has_its_id():
    """The key of Go's checksum database."""
    name, algorithm, key = parse_vkey("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    assert (name, algorithm, len(key)) == ("sum.golang.org", 1, 32)


def test_verifier_lines_are_read_as_they_were_written():
    log, one = log_signer().verifier, witness().verifier
    assert LogVerifier.from_vkey(log.vkey).public == log.public
    assert WitnessVerifier.from_vkey(one.vkey).public == one.public
    assert parse_vkey(f"  {log.vkey}\n") == (ORIGIN, 1, log.public)


@pytest.mark.parametrize(
    "text", ["", "a", "a+b+c", "a+00000000+AQ==", "a b+00000000+AAAA", "a+530d903a+A", "a+530d903a+AR=="]
)
def test_what_is_no_verifier_line_is_refused(text):
    with pytest.raises(NoteError):
        parse_vkey(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2028b"])
def test_a_key_has_a_name_that_can_stand_on_a_line(name):
    with pytest.raises(NoteError):
        format_vkey(name, 1, b"k" * 32)


def test_one_size_signed_twice_gives_the_same_note():
    log = VectorLog()
    log.decide("rec_0000000000000001")
    assert log.checkpoint() == log.checkpoint()
