"""Noise as it comes out of OpenDP: held to bounds that true noise passes with a probability below 1e-12 each time."""

import math
import threading
from fractions import Fraction

import pytest

from xase_server.noise import OpenDP, is_installed

EPSILON = Fraction(1, 2)
DRAWN = 4_000


def tail(scale: float, count: int = 1) -> float:
    """What none of so many draws passes, but for a probability of 1e-12: P(|x| > t) < 2 exp(-t / scale)."""
    return scale * math.log(2 * count / 1e-12)


def test_there_is_noise_here():
    assert is_installed()


@pytest.mark.parametrize("sensitivity", [1, 3, 3 << 30])
def test_noise_is_as_wide_as_the_sensitivity_over_epsilon(sensitivity):
    scale = sensitivity / float(EPSILON)
    drawn = OpenDP().added([0] * DRAWN, sensitivity=sensitivity, epsilon=EPSILON)
    assert max(map(abs, drawn)) <= tail(scale, DRAWN)
    spread = math.sqrt(math.log(2 / 1e-12) / (2 * DRAWN))  # Hoeffding: a share strays further only with 1e-12
    for far in (0.5, 1, 2):
        beyond = sum(abs(each) > far * scale for each in drawn) / DRAWN
        step = 1 / scale  # values are whole: the chance lies between those of the neighbouring numbers
        assert math.exp(-(far + step)) - spread <= beyond <= math.exp(-(far - step)) + spread
    up = sum(each > 0 for each in drawn) / DRAWN
    assert up <= 0.5 + spread


def test_noise_is_around_the_sums_each_with_its_own():
    sums = [10**6 * number for number in range(-5, 6)]
    found = OpenDP().added(sums, sensitivity=1, epsilon=Fraction(1))
    assert all(type(each) is int for each in found)
    assert all(abs(one - other) <= tail(1, len(sums)) for one, other in zip(found, sums, strict=True))
    assert len({one - other for one, other in zip(found, sums, strict=True)}) > 1


def test_noise_is_drawn_anew_each_time_and_in_every_thread():
    drawn: list[tuple[int, ...]] = []
    threads = [
        threading.Thread(
            target=lambda: drawn.append(tuple(OpenDP().added([0] * 64, sensitivity=1 << 30, epsilon=Fraction(1))))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == 4


@pytest.mark.parametrize("epsilon", [Fraction(1, 10), Fraction(1, 30), Fraction(7, 3), Fraction(1, 1_000_000), 1000])
def test_no_answer_costs_more_than_it_is_said_to(epsilon):
    from opendp.core import measurement_map

    from xase_server.noise import _mechanism

    for sensitivity in (1, 7, 5 << 30):
        cost = Fraction(measurement_map(_mechanism(sensitivity, Fraction(epsilon)), sensitivity))
        assert epsilon * Fraction(999_999, 1_000_000) < cost <= epsilon


def test_nothing_is_asked_of_no_sums():
    assert OpenDP().added([], sensitivity=1, epsilon=Fraction(1)) == []
