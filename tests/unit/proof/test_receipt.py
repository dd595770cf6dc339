import json

import pytest

from scripts.vectorlog import VECTORS, VectorLog, log_signer, witness
from xase.proof.checkpoint import NoteError
from xase.proof.entry import EntryError
from xase.proof.merkle import ProofError, inclusion_proof
from xase.proof.receipt import make_receipt, verify_receipt

VERIFIER = log_signer().verifier
VECTOR = json.loads((VECTORS / "receipts/receipts.json").read_text())[1]


@pytest.mark.parametrize(
    "vector", json.loads((VECTORS / "receipts/receipts.json").read_text()), ids=lambda v: v["hash"][:15]
)
def test_receipt_vectors_hold(vector):
    assert verify_receipt(vector["receipt"], VERIFIER).hash == vector["hash"]


def test_a_receipt_is_made_as_published(log):
    receipt = make_receipt(log.raws[1], 1, 4, inclusion_proof(1, 4, log.read), log.checkpoint())
    assert receipt == VECTOR["receipt"]


def test_unknown_members_are_passed_over():
    assert verify_receipt(VECTOR["receipt"] | {"more": 1}, VERIFIER).hash == VECTOR["hash"]


def test_any_of_several_trusted_keys_will_do():
    assert verify_receipt(VECTOR["receipt"], log_signer("other.example").verifier, VERIFIER).index == 1


def test_a_receipt_outlives_a_trip_through_json():
    assert verify_receipt(json.loads(json.dumps(VECTOR["receipt"])), VERIFIER).hash == VECTOR["hash"]


def changed(**changes):
    return VECTOR["receipt"] | changes


ENTRY = VECTOR["receipt"]["entry"]
PATH = VECTOR["receipt"]["inclusion_path"]


@pytest.mark.parametrize(
    ("receipt", "error"),
    [
        ({}, ProofError),
        (changed(entry=None), EntryError),
        (changed(entry=ENTRY | {"id": "rec_ffffffffffffffff"}), ProofError),
        (changed(entry=ENTRY | {"v": 2}), EntryError),
        (changed(entry={"x": float("nan")}), EntryError),
        (changed(index=2), ProofError),
        (changed(index="1"), ProofError),
        (changed(index=True), ProofError),
        (changed(tree_size=5), ProofError),
        (changed(inclusion_path=PATH[:-1]), ProofError),
        (changed(inclusion_path=[*PATH, PATH[0]]), ProofError),
        (changed(inclusion_path=PATH * 40), ProofError),
        (changed(inclusion_path=[path.upper() for path in PATH]), ProofError),
        (changed(inclusion_path="".join(PATH)), ProofError),
        (changed(inclusion_path=[1, 2]), ProofError),
        (changed(inclusion_path=None), ProofError),
        (changed(checkpoint=None), NoteError),
        (changed(checkpoint=""), NoteError),
        (changed(checkpoint=VECTOR["receipt"]["checkpoint"].replace("\n4\n", "\n5\n")), NoteError),
    ],
    ids=range(19),
)
def test_a_receipt_that_does_not_fit_is_refused(receipt, error):
    with pytest.raises(error):
        verify_receipt(receipt, VERIFIER)


def test_a_receipt_of_an_unknown_log_is_refused():
    with pytest.raises(NoteError):
        verify_receipt(VECTOR["receipt"], log_signer("other.example").verifier)
    with pytest.raises(NoteError):
        verify_receipt(VECTOR["receipt"], witness().verifier)
    with pytest.raises(NoteError):
        verify_receipt(VECTOR["receipt"])


def test_an_entry_of_another_log_is_refused():
    log = VectorLog()
    log.decide("rec_0000000000000001", log="other.example/log")
    with pytest.raises(ProofError, match="another log"):
        verify_receipt(make_receipt(log.raws[0], 0, 1, [], log.checkpoint()), VERIFIER)
