"""A receiver's side: whether a message is the server's."""

import json

import pytest

import xase
from xase.proof.webhook import parse_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDLYI2Y0Kyq3E="
NOW = 1_768_383_603
BODY = json.dumps(
    {"type": "access_revoked", "timestamp": "2026-01-14T09:40:03.000Z", "data": {"session_id": "sess_1"}}
).encode()


def headers(body: bytes = BODY, secret: str = SECRET, seconds: int = NOW, **changed: str) -> dict[str, str]:
    signature = sign(parse_secret(secret), "msg_1", seconds, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(seconds), "webhook-signature": signature} | changed


def test_a_message_of_the_server_is_an_event():
    event = xase.webhooks.verify(BODY, headers(), SECRET, now=NOW)
    assert (event.id, event.type, event.data["session_id"]) == ("msg_1", "access_revoked", "sess_1")


def test_header_names_may_be_written_otherwise():
    named = {name.title(): value for name, value in headers().items()}
    assert xase.webhooks.verify(BODY.decode(), named, SECRET, now=NOW).type == "access_revoked"


def test_while_a_secret_is_replaced_either_will_do():
    both = " ".join(headers(secret=each)["webhook-signature"] for each in (OTHER, SECRET))
    for secret in (SECRET, OTHER):
        xase.webhooks.verify(BODY, headers(**{"webhook-signature": both}), secret, now=NOW)
    xase.webhooks.verify(BODY, headers(), [OTHER, SECRET], now=NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name):
    given = {each: value for each, value in headers().items() if each != name}
    with pytest.raises(xase.UntrustedMessage, match=name):
        xase.webhooks.verify(BODY, given, SECRET, now=NOW)


@pytest.mark.parametrize("away", [-301, 301])
def test_a_message_of_another_time_is_not_trusted(away):
    with pytest.raises(xase.UntrustedMessage):
        xase.webhooks.verify(BODY, headers(), SECRET, now=NOW + away)
    xase.webhooks.verify(BODY, headers(), SECRET, now=NOW + away, tolerance=301)


@pytest.mark.parametrize("seconds", ["", "now", "-1", "1e9", "1" * 30, "١"])
def test_a_time_that_is_none_is_not_trusted(seconds):
    with pytest.raises(xase.UntrustedMessage):
        xase.webhooks.verify(BODY, headers(**{"webhook-timestamp": seconds}), SECRET, now=NOW)


def test_a_changed_message_is_not_trusted():
    with pytest.raises(xase.UntrustedMessage):
        xase.webhooks.verify(BODY + b" ", headers(), SECRET, now=NOW)
    with pytest.raises(xase.UntrustedMessage):
        xase.webhooks.verify(BODY, headers(), OTHER, now=NOW)
    with pytest.raises(xase.UntrustedMessage):
        xase.webhooks.verify(BODY, headers(), [], now=NOW)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"type": "x"}', b"\xff"])
def test_what_is_signed_but_no_event_is_not_trusted(body):
    with pytest.raises(xase.UntrustedMessage):
        xase.webhooks.verify(body, headers(body), SECRET, now=NOW)


def test_a_secret_that_is_none_trusts_nothing():
    with pytest.raises(xase.UntrustedMessage):
        xase.webhooks.verify(BODY, headers(), "whsec_?", now=NOW)


def test_without_a_time_given_it_is_the_clocks():
    with pytest.raises(xase.UntrustedMessage, match="just now"):
        xase.webhooks.verify(BODY, headers(seconds=1_000), SECRET)
