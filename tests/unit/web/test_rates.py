"""Rate windows on a clock that the test turns."""

import pytest

from xase_server.web import rates
from xase_server.web.rates import PERIOD_SECONDS, Rates


class Time:
    """Seconds since 1970, as the test says."""

    def __init__(self):
        self.now = 1_000.5

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def limited(time):
    return Rates(3, time)


def headers(quota):
    return {name.decode(): value.decode() for name, value in quota.headers()}


def test_a_window_begins_with_the_first_request_and_lasts_a_minute(limited, time):
    assert [limited.take("a").exceeded for _ in range(4)] == [False, False, False, True]
    time.now += PERIOD_SECONDS - 0.001
    assert limited.take("a").exceeded
    time.now += 0.001
    assert not limited.take("a").exceeded


def test_looking_costs_nothing(limited):
    assert [limited.take("a", cost=0).used for _ in range(5)] == [0, 0, 0, 0, 0]


def test_callers_do_not_share(limited):
    for _ in range(4):
        limited.take("a")
    assert limited.take("b").used == 1


def test_headers_say_what_is_left_and_when_it_is_whole_again(limited, time):
    limited.take("a")
    time.now += 10
    assert headers(limited.take("a")) == {
        "ratelimit-policy": '"key";q=3;w=60',
        "ratelimit": '"key";r=1;t=50',
        "x-ratelimit-limit": "3",
        "x-ratelimit-remaining": "1",
        "x-ratelimit-reset": "1061",
    }


def test_nothing_is_left_beyond_the_limit_and_waiting_is_told_in_whole_seconds(limited, time):
    quotas = [limited.take("a") for _ in range(9)]
    assert headers(quotas[-1])["x-ratelimit-remaining"] == "0"
    assert quotas[-1].refusal().retry_after == 60
    time.now += 59.9
    assert limited.take("a").refusal().retry_after == 1


def test_callers_whose_minute_is_over_are_forgotten_when_there_are_many(limited, time, monkeypatch):
    monkeypatch.setattr(rates, "_MOST_CALLERS", 10)
    for n in range(10):
        limited.take(f"old {n}")
    time.now += PERIOD_SECONDS
    limited.take("new")
    assert set(limited._windows) == {"new"}
