"""Where the entry of an id is found: an index that follows behind, because ids come in no order.

Each id alone would write a page of that index. So ids are first kept in a small table, whose few
pages many of them share, and are moved to the index many at once, in the order of its pages.
Whoever looks an id up looks in both.
"""

from collections.abc import Sequence
from typing import Final

from xase_server.ports import Unwritable
from xase_server.storage.memo import Memo
from xase_server.storage.session import Row, Session

MOVED_AT_ONCE: Final = 1_024


def add_ids(session: Session, memo: Memo, rows: Sequence[Row]) -> None:
    """Keep (id, organisation, index, decision number); raises Unwritable when an id is in use."""
    if memo.newest_ids is None:
        ((memo.newest_ids,),) = session.rows("count_newest_ids")
    if memo.newest_ids >= MOVED_AT_ONCE:
        session.run("move_newest_ids")
        session.run("forget_newest_ids")
        memo.newest_ids = 0
    if session.find("find_older_ids", [row[:1] for row in rows]):
        raise Unwritable("an id is in use")
    session.many("add_newest_ids", rows)
    memo.newest_ids += len(rows)
