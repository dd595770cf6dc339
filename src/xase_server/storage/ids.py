"""Where the entry of an id is found: an index that follows behind, because ids come in no order.

Each id alone would write a page of that index. So ids are first kept in a small table, whose few
pages many of them share, and are moved to the index many at once, in the order of its pages.
Whoever looks an id up looks in both.
"""

from collections.abc import Sequence
from typing import Final

from xase_server.storage.session import Row, Session

MOVED_AT_ONCE: Final = 1_024
"""About so many: they are moved by the commit that takes the log beyond a multiple of it."""


def add_ids(session: Session, size: int, rows: Sequence[Row]) -> None:
    """Keep (id, organisation, index, decision number) of the entries behind the first `size`.

    An id in use is refused, as `Session.many` refuses.
    """
    if size // MOVED_AT_ONCE != (size + len(rows)) // MOVED_AT_ONCE:
        session.run("move_newest_ids")
        session.run("forget_newest_ids")
    session.many("add_newest_ids", rows)
    session.many("meet_older_ids", [row[:1] for row in rows])
