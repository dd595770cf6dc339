"""How one page of a list leads to the next. Pure."""

from collections.abc import Mapping
from typing import Any

from xase.errors import UnexpectedAnswer
from xase.models import Page


def next_params(params: Mapping[str, Any], page: Page) -> dict[str, Any] | None:
    """The query of the page after `page`, or None when it was the last.

    Follows the cursor; a list without cursors is followed by offset. Raises UnexpectedAnswer when
    the server's pages would never end.
    """
    if "next_cursor" in page:
        return _by_cursor(params, page.next_cursor)
    reached = page.offset + len(page.data)
    return {**params, "offset": reached} if page.data and reached < page.total else None


def _by_cursor(params: Mapping[str, Any], cursor: str | None) -> dict[str, Any] | None:
    if cursor is None:
        return None
    if cursor == params.get("cursor"):
        raise UnexpectedAnswer("the server named the same page as its own successor")
    return {**{name: value for name, value in params.items() if name != "offset"}, "cursor": cursor}
