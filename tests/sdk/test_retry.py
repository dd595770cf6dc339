"""When to try again: decided without a clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xase
from xase import errors
from xase._client.retry import Backoff, is_retryable, next_pause

attempts = st.integers(0, 10_000)
jitters = st.floats(0, 1, exclude_max=True)
backoffs = st.builds(
    Backoff,
    max_retries=st.integers(0, 20),
    first=st.floats(0.001, 10),
    longest=st.floats(10, 100),
)

PASSING = [
    xase.ConnectionFailed("no"),
    xase.ConnectionLost("no"),
    xase.Timeout("no"),
    xase.RequestTimeout("no"),
    xase.IdempotencyInProgress("no"),
    xase.RateLimitExceeded("no"),
    xase.InternalError("no"),
    xase.APIError("no", status=502),
    xase.Unavailable("no"),
    xase.APIError("no", status=504),
]
LASTING = [
    xase.DeadlineExceeded("no"),
    xase.UnexpectedAnswer("no"),
    xase.EvidenceError("no"),
    xase.ConfigurationError("no"),
    xase.Conflict("no"),
    xase.ServerError("no", status=501),
    *(kind("no") for kind in errors.BY_SLUG.values() if kind.status < 408),
    xase.PayloadTooLarge("no"),
    xase.IdempotencyMismatch("no"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: f"{type(error).__name__}-{getattr(error, 'status', '')}")
def test_what_may_pass_is_tried_again(error):
    assert is_retryable(error)
    assert next_pause(error, attempt=0, backoff=Backoff(), remaining=math.inf, jitter=0) is not None


@pytest.mark.parametrize("error", LASTING, ids=lambda error: f"{type(error).__name__}-{getattr(error, 'status', '')}")
def test_what_will_not_pass_is_raised_at_once(error):
    assert not is_retryable(error)
    assert next_pause(error, attempt=0, backoff=Backoff(), remaining=math.inf, jitter=0) is None


@given(backoffs, attempts, jitters)
def test_a_pause_lies_between_half_and_all_of_its_step(backoff, attempt, jitter):
    whole = min(backoff.longest, backoff.first * 2.0 ** min(attempt, 60))
    assert whole / 2 <= backoff.pause(attempt, jitter) <= whole


@given(backoffs, attempts, jitters)
def test_steps_never_become_shorter(backoff, attempt, jitter):
    assert backoff.pause(attempt, jitter) <= backoff.pause(attempt + 1, jitter)


@given(backoffs, st.floats(0, 1000), jitters)
def test_no_more_retries_than_allowed(backoff, remaining, jitter):
    error = xase.Unavailable("no")
    assert next_pause(error, attempt=backoff.max_retries, backoff=backoff, remaining=remaining, jitter=jitter) is None


@given(backoffs, st.integers(0, 19), st.floats(0, 1000), jitters, st.none() | st.floats(0, 1000))
def test_a_pause_fits_into_the_deadline_and_honours_the_servers_wish(backoff, attempt, remaining, jitter, wish):
    error = xase.RateLimitExceeded("no", retry_after=wish)
    pause = next_pause(error, attempt=attempt, backoff=backoff, remaining=remaining, jitter=jitter)
    if pause is not None:
        assert (wish or 0) <= pause < remaining
