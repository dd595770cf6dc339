"""Following pages, without a server."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xase
from xase._client.pages import next_params
from xase.models import Page


def page(data, total, offset=0, **more):
    return Page({"data": data, "total": total, "limit": 2, "offset": offset, **more})


def test_a_cursor_replaces_the_offset_and_keeps_the_filters():
    params = {"model_id": "m", "limit": 2, "offset": 4}
    following = next_params(params, page([1, 2], 9, offset=4, next_cursor="c"))
    assert following == {"model_id": "m", "limit": 2, "cursor": "c"}


def test_without_a_next_cursor_there_is_no_next_page():
    assert next_params({}, page([1, 2], 9, next_cursor=None)) is None


def test_pages_that_never_end_are_refused():
    with pytest.raises(xase.UnexpectedAnswer):
        next_params({"cursor": "c"}, page([1, 2], 9, next_cursor="c"))


@given(total=st.integers(0, 50), size=st.integers(1, 10), start=st.integers(0, 60))
def test_following_by_offset_reads_everything_once(total, size, start):
    everything = list(range(total))
    params: dict[str, Any] | None = {"limit": size, "offset": start}
    read = []
    while params is not None:
        at = params["offset"]
        data = everything[at : at + size]
        read += data
        params = next_params(params, page(data, total, offset=at))
    assert read == everything[start:]
