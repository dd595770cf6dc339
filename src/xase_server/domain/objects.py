"""What the control plane keeps as it stands now: datasets, versions, policies, sessions and the like.

The ledger's entries say what happened; an object is where that has led. Each change is one entry and
one revision, written together.
"""

from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace


class ObjectRef(NamedTuple):
    """What an object is found by."""

    kind: str
    id: str


class ObjectRow(Struct, frozen=True, kw_only=True, gc=False):
    """An object at one revision, counted from 1.

    `organisation` owns it; `partner` is another organisation that may see it too. `parent` is the id of
    what it belongs to. `name` is unique among the owner's objects of its kind. At `ends_ms` it stops
    being what `status` says. `document` is what its kind keeps, encoded.
    """

    kind: str
    id: str
    organisation: str
    revision: int
    document: bytes
    created_ms: int
    status: str
    partner: str | None = None
    parent: str | None = None
    name: str | None = None
    ends_ms: int | None = None

    @property
    def ref(self) -> ObjectRef:
        """What it is found by."""
        return ObjectRef(self.kind, self.id)

    def concerns(self, organisation: str) -> bool:
        """Whether the organisation owns it or is its partner."""
        return organisation in {self.organisation, self.partner}


class Expectation(NamedTuple):
    """That an object is at this revision when an append commits; 0 that there is none."""

    ref: ObjectRef
    revision: int


class Stale(Exception):
    """An object, or the clock, had moved on when the append was about to commit; nothing was appended.

    Read again and decide anew.
    """

    def __init__(self, moved: tuple[ObjectRef, ...]) -> None:
        super().__init__(f"changed meanwhile: {', '.join(ref.id for ref in moved) or 'the time'}")
        self.moved = moved


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectQuery:
    """Which objects of a kind a list wants; None asks for nothing.

    `visible_to` are the objects that this organisation owns or is the partner of. With `now_ms` an
    object that has ended while it was active or pending counts under `ended` in place of its own status.
    """

    kind: str
    visible_to: str | None = None
    owner: str | None = None
    parent: str | None = None
    name: str | None = None
    status: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    now_ms: int | None = None
    ended: str = "EXPIRED"


class Usage(Struct, frozen=True):
    """What a session, or another account (`domain.quotas`), has used so far."""

    records: int = 0
    bytes: int = 0
    queries: int = 0
    operations: int = 0
    last_ms: int | None = None

    def plus(self, *, records: int = 0, bytes: int = 0, queries: int = 0) -> "Usage":
        """So much more of what is bounded."""
        more = {"records": self.records + records, "bytes": self.bytes + bytes, "queries": self.queries + queries}
        return replace(self, **more)


class Delivery(Struct, frozen=True, gc=False):
    """Which blocks of a dataset version a release touches, of `BLOCK` record numbers each."""

    dataset: str
    version: int
    blocks: tuple[int, ...]


class ModelUse(Struct, frozen=True, gc=False):
    """What a model has had of a session, by type of operation; `operations` and `records` add up.

    `organisation` is the lab's. Times are of the first and the last operation.
    """

    organisation: str
    model_id: str
    session: str
    dataset: str
    version: int
    type: str
    operations: int = 1
    records: int = 0
    first_ms: int = 0
    last_ms: int = 0


BLOCK = 4_096
"""Record numbers in one block of the look-up from data records to their releases."""

EVERYWHERE = -1
"""The block of a release that touches so many that each look-up must ask it."""
