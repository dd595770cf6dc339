"""The signature of a webhook's message, held to the published example of Standard Webhooks."""

import pytest

from xase.proof.webhook import SecretError, format_secret, is_signed, parse_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_example_comes_out():
    assert sign(parse_secret(SECRET), *MESSAGE) == SIGNATURE


@pytest.mark.parametrize("signatures", [SIGNATURE, f"v1,bm90aGluZw== {SIGNATURE}", f"{SIGNATURE} v2,x v1a,y"])
def test_one_of_several_signatures_is_enough(signatures):
    assert is_signed(parse_secret(SECRET), *MESSAGE, signatures)


@pytest.mark.parametrize("signatures", ["", SIGNATURE[3:], SIGNATURE.lower(), f"v2{SIGNATURE[2:]}", "v1,", "v1,ä"])
def test_any_other_is_none(signatures):
    assert not is_signed(parse_secret(SECRET), *MESSAGE, signatures)


def test_id_time_and_body_are_signed():
    key, (identifier, timestamp, body) = parse_secret(SECRET), MESSAGE
    assert not is_signed(key, identifier + "x", timestamp, body, SIGNATURE)
    assert not is_signed(key, identifier, timestamp + 1, body, SIGNATURE)
    assert not is_signed(key, identifier, timestamp, body + b" ", SIGNATURE)


def test_a_secret_is_written_and_read():
    assert parse_secret(format_secret(b"\x00" * 32)) == b"\x00" * 32
    assert parse_secret(SECRET.removeprefix("whsec_")) == parse_secret(SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", "whsec_ä"])
def test_what_is_no_secret_is_refused(secret):
    with pytest.raises(SecretError):
        parse_secret(secret)
