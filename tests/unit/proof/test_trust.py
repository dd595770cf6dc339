import json

import pytest

from scripts.vectorlog import document_signer, log_signer, trusted_keys, witness
from xase.proof.keys import KeyMaterialError
from xase.proof.trust import read_trust

LOG, WITNESS, DOCUMENT = log_signer().vkey, witness().verifier.vkey, document_signer().public_pem


def ids(keys):
    return [key.key_id for key in keys]


def test_the_published_keys_are_read():
    trust = read_trust([json.dumps(trusted_keys())])
    assert ids(trust.log_keys) == [log_signer().key_id]
    assert ids(trust.document_keys) == [document_signer().key_id]
    assert (list(trust.witnesses), trust.quorum) == ([], 0)


def test_each_kind_of_text_is_read():
    trust = read_trust([LOG, DOCUMENT, f"# our witness\n\n{WITNESS}\n"])
    assert ids(trust.log_keys) == [log_signer().key_id]
    assert ids(trust.document_keys) == [document_signer().key_id]
    assert ids(trust.witnesses) == [witness().key_id]


def test_several_keys_in_one_file_are_read():
    other = document_signer("other-document").public_pem
    assert len(read_trust([DOCUMENT + other]).document_keys) == 2
    assert len(read_trust([f"{LOG}\n{LOG}"]).log_keys) == 2


def test_all_witnesses_must_have_cosigned_unless_said_otherwise():
    assert read_trust([WITNESS]).quorum == 1
    assert read_trust([WITNESS], quorum=0).quorum == 0
    assert read_trust([LOG]).quorum == 0


def test_witnesses_may_come_with_the_published_keys():
    keys = {"keys": [{"use": "witness", "vkey": WITNESS}, {"use": "webhook", "public_key": "?"}]}
    assert ids(read_trust([json.dumps(keys)]).witnesses) == [witness().key_id]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "text",
        "{}",
        "{",
        '{"keys": 1}',
        '{"keys": [1]}',
        '{"keys": [{"use": "log"}]}',
        '{"keys": [{"use": "log", "vkey": 1}]}',
        '{"keys": [{"use": "log", "vkey": "x"}]}',
        '{"keys": [{"use": "document", "public_key": "x"}]}',
        '{"keys": [], "keys": []}',
        "-----BEGIN PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "{\ud800",
    ],
)
def test_what_expresses_no_trust_is_refused(text):
    with pytest.raises(KeyMaterialError):
        read_trust([text])


def test_a_log_key_in_pem_is_refused_with_a_hint():
    with pytest.raises(KeyMaterialError, match="verifier line"):
        read_trust([log_signer().public_pem])
