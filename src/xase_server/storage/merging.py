"""Bringing the lists of decisions up to date, a few thousand decisions at a time.

A list is a tree of its own in the database, and an append that touched several of them for every
decision would spend most of its time writing pages. So the newest decisions are in no list yet;
whoever reads looks at them one by one. Each kind of list follows when it is far enough behind, in one
statement, and no commit brings more than one kind.
"""

from typing import Final

from xase_server.storage.confidence import LEVEL_BITS
from xase_server.storage.memo import Memo
from xase_server.storage.session import Session

FAR_BEHIND: Final = 2_048

# What the decisions of one list have in common: a label or, one kind for each level, a group of
# buckets of confidence. The statement `merge_postings` says the same in SQL.
LABEL: Final = 0
CONFIDENCE: Final = 1
KINDS: Final = (LABEL, *(CONFIDENCE + level for level in range(len(LEVEL_BITS))))
LEAF_KIND: Final = KINDS[-1]


MOST_AT_ONCE: Final = 16_384
"""Decisions that `follow` lists in one transaction."""


def merge_lists(session: Session, memo: Memo, organisation: int) -> None:
    """Bring up to date the kind of list that is furthest behind, if it is far behind."""
    merged = memo.merged.get(organisation)
    if merged is None:
        merged = memo.merged[organisation] = _reached(session, organisation)
    kind = min(merged, key=merged.__getitem__)
    stop = memo.lengths[organisation]
    if stop - merged[kind] >= FAR_BEHIND:
        _merge(session, organisation, kind, merged[kind], stop)
        merged[kind] = stop


def is_far_behind(session: Session, organisation: int) -> bool:
    """Whether any list of the organisation is."""
    return _length(session, organisation) - min(_reached(session, organisation).values()) >= FAR_BEHIND


def follow(session: Session, organisation: int) -> None:
    """Bring up to date all lists of the organisation, but no more decisions than may be listed at once."""
    length = _length(session, organisation)
    for kind, start in _reached(session, organisation).items():
        stop = min(length, start + MOST_AT_ONCE)
        if stop > start:
            _merge(session, organisation, kind, start, stop)


def _reached(session: Session, organisation: int) -> dict[int, int]:
    """How far each kind of list is complete."""
    found = {row[0]: row[1] for row in session.rows("merged_kinds", organisation=organisation)}
    return {kind: found.get(kind, 0) for kind in KINDS}


def _length(session: Session, organisation: int) -> int:
    rows = session.rows("count_decisions", organisation=organisation)
    return int(rows[0][0]) if rows else 0


def _merge(session: Session, organisation: int, kind: int, start: int, stop: int) -> None:
    bounds = {"organisation": organisation, "start": start, "stop": stop}
    session.run("merge_postings", kind=kind, leaf_kind=LEAF_KIND, **bounds)
    if kind == LEAF_KIND:
        session.run("merge_buckets", **bounds)
    session.run("put_merged", organisation=organisation, kind=kind, number=stop)
