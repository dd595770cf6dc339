"""Requests as data and answers as values or errors, without a network."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xase
from xase._client import wire
from xase._client.config import configure
from xase.models import Document

CONFIG = configure(api_key="xase_pk_secret", base_url="http://host:1", environment={})
NOW = datetime(2026, 1, 15, 17, 30, tzinfo=UTC)


def test_a_write_carries_an_idempotency_key_and_a_read_does_not():
    assert len(wire.call("POST", "/records").idempotency_key or "") == 32
    assert wire.call("DELETE", "/keys/key_1").idempotency_key
    assert wire.call("GET", "/records").idempotency_key is None


def test_two_calls_have_two_idempotency_keys():
    assert wire.call("POST", "/records").idempotency_key != wire.call("POST", "/records").idempotency_key


def test_the_callers_idempotency_key_is_used_as_it_is():
    request = wire.call("POST", "/records", idempotency_key="mine")
    assert wire.headers(CONFIG, request, version="1")["Idempotency-Key"] == "mine"


def test_the_headers_say_who_calls_and_with_what():
    headers = wire.headers(CONFIG, wire.call("POST", "/records", body={}), version="1.2")
    assert headers["Authorization"] == "Bearer xase_pk_secret"
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("xase-python/1.2 Python/3.")


def test_addresses_outside_the_version_are_asked_at_the_root():
    call = wire.call("GET", "/.well-known/xase-signing-keys.json", at_root=True)
    assert wire.url(CONFIG, call) == "http://host:1/.well-known/xase-signing-keys.json"
    assert wire.url(CONFIG, wire.call("GET", "/records")) == "http://host:1/v1/records"


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_what_cannot_be_a_path_segment_is_refused_before_it_is_sent(text):
    with pytest.raises(ValueError, match="identifier"):
        wire.segment(text)


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."} and text.isprintable()))
def test_a_path_segment_stays_one_segment(text):
    assert not set(wire.segment(text)) & set("/?#")


def test_parameters_are_written_as_the_api_reads_them():
    given_params = {"a": True, "b": False, "c": None, "d": 0.5, "e": date(2025, 1, 31), "f": NOW, "g": "x"}
    assert wire.query(given_params) == {
        "a": "true",
        "b": "false",
        "d": "0.5",
        "e": "2025-01-31",
        "f": "2026-01-15T17:30:00.000Z",
        "g": "x",
    }


def test_a_moment_elsewhere_is_written_in_utc():
    assert wire.instant(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T23:00:00.000Z"


def test_a_moment_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        wire.instant(datetime(2026, 1, 1))  # noqa: DTZ001 - the point


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_refused_before_it_is_sent(value):
    with pytest.raises(ValueError, match=r"."):
        wire.encode({"x": value})


def test_a_model_is_written_as_its_content():
    assert wire.encode({"new_outcome": Document({"a": [1, {"b": None}]})}) == b'{"new_outcome":{"a":[1,{"b":null}]}}'


@pytest.mark.parametrize("name", ["type", "code"])
def test_both_source_documents_error_bodies_are_read(name):
    body = {"error": {name: "session_expired", "message": "This session has expired", "request_id": "req_p6q7r8s9"}}
    with pytest.raises(xase.SessionExpired) as caught:
        wire.interpret(403, {}, json.dumps(body).encode())
    assert (caught.value.request_id, caught.value.status) == ("req_p6q7r8s9", 403)


def test_the_rate_limit_of_the_source_document_is_read():
    details = {"limit": 100, "period": "1m", "reset_at": "2026-01-15T17:30:00Z"}
    body = {"error": {"type": "rate_limit_exceeded", "message": "Rate limit exceeded", "details": details}}
    error = wire.error_of(429, {"retry-after": "7"}, json.dumps(body).encode())
    assert isinstance(error, xase.RateLimitExceeded)
    assert (error.details, error.retry_after) == (details, 7.0)


@pytest.mark.parametrize(
    "content", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error": "down"}', b'{"error": {"code": 5}}']
)
def test_an_error_that_is_not_ours_still_has_the_class_of_its_status(content):
    error = wire.error_of(503, {"x-request-id": "req_1"}, content)
    assert isinstance(error, xase.Unavailable)
    assert (error.slug, error.request_id) == ("", "req_1")


@pytest.mark.parametrize("status", [301, 302, 304])
def test_a_redirect_is_not_followed_in_silence(status):
    with pytest.raises(xase.UnexpectedAnswer):
        wire.interpret(status, {}, b"")


@pytest.mark.parametrize("content", [b"<html>Welcome</html>", b"[" * 100_000])
def test_a_good_answer_that_is_not_json_is_unexpected(content):
    with pytest.raises(xase.UnexpectedAnswer):
        wire.interpret(200, {}, content)


def test_an_empty_answer_is_none():
    assert wire.interpret(204, {}, b"") is None


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_escapes_as_anything_but_our_own(status, content):
    with suppress(xase.XaseError):
        wire.interpret(status, {}, content)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        ("Thu, 15 Jan 2026 17:30:30 GMT", 30.0),
        ("Thu, 15 Jan 2026 17:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(said, seconds):
    assert wire.retry_after({"retry-after": said}, NOW) == seconds


def test_an_answer_that_says_nothing_we_know_makes_one_look_at_the_address():
    assert "is base_url the address of a Xase server?" in str(wire.error_of(404, {}, b"<html>"))
    assert "base_url" not in str(wire.error_of(502, {}, b"<html>"))
    with pytest.raises(xase.UnexpectedAnswer, match="base_url"):
        wire.interpret(200, {}, b"<html>")
