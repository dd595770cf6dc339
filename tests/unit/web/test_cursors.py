"""Cursors: what was made opens, what was touched does not."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xase_server.domain.errors import Refused
from xase_server.web.cursors import Cursors, Position, question

CURSORS = Cursors(b"s" * 32)
positions = st.builds(Position, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
asked = st.binary(min_size=8, max_size=8)


def reason(text, organisation, asked_for, cursors=CURSORS):
    with pytest.raises(Refused) as refused:
        cursors.open(text, organisation, asked_for)
    assert refused.value.kind.slug == "invalid_cursor"
    return refused.value.details["reason"]


@given(st.text(max_size=20), asked, positions)
def test_a_cursor_opens_to_the_place_it_was_made_for(organisation, asked_for, position):
    text = CURSORS.make(organisation, asked_for, position)
    assert text.isascii()
    assert CURSORS.open(text, organisation, asked_for) == position


@given(positions, st.integers(0, 8 * 41 - 1))
def test_a_cursor_with_one_bit_changed_is_malformed(position, bit):
    raw = bytearray(urlsafe_b64decode(CURSORS.make("org", b"question", position) + "=="))
    raw[bit // 8] ^= 1 << bit % 8
    text = urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert reason(text, "org", b"question") == "malformed"


@given(st.text(max_size=100))
def test_text_of_any_kind_is_malformed(text):
    assert reason(text, "org", b"question") == "malformed"


@given(positions, asked, asked)
def test_a_cursor_of_another_question_says_so(position, one, other):
    assume(one != other)
    assert reason(CURSORS.make("org", one, position), "org", other) == "other_query"


def test_a_cursor_of_another_organisation_or_secret_is_malformed():
    text = CURSORS.make("org", b"question", Position(1, 2))
    assert reason(text, "other", b"question") == "malformed"
    assert reason(text, "org", b"question", Cursors(b"t" * 32)) == "malformed"


def test_a_question_is_its_endpoint_and_its_criteria_in_any_order():
    assert question("list", {"a": 1, "b": 2}) == question("list", {"b": 2, "a": 1})
    assert len({question("list", {"a": 1}), question("list", {"a": 2}), question("other", {"a": 1})}) == 3
