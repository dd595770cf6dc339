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


def merge_lists(session: Session, memo: Memo, organisation: int) -> None:
    """Bring up to date the kind of list that is furthest behind, if it is far behind."""
    merged = memo.merged.get(organisation)
    if merged is None:
        found = {row[0]: row[1] for row in session.rows("merged_kinds", organisation=organisation)}
        merged = memo.merged[organisation] = {kind: found.get(kind, 0) for kind in KINDS}
    kind = min(merged, key=merged.__getitem__)
    start, stop = merged[kind], memo.lengths[organisation]
    if stop - start < FAR_BEHIND:
        return
    bounds = {"organisation": organisation, "start": start, "stop": stop}
    session.run("merge_postings", kind=kind, leaf_kind=LEAF_KIND, **bounds)
    if kind == LEAF_KIND:
        session.run("merge_buckets", **bounds)
    session.run("put_merged", organisation=organisation, kind=kind, number=stop)
    merged[kind] = stop
