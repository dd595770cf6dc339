"""The shapes of answers about where data went and came from, for the OpenAPI file."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from xase_server.web.schemas import Count, Time


class SessionReached(Struct):
    """A session that received records in question, of the dataset or of one made of it.

    `certain` is false where the list of what it received has been erased, so that it may have had them.
    """

    session_id: str
    organisation: str
    status: str
    dataset_id: str
    dataset_version: Count
    first_release: Time
    certain: bool


class ModelReached(Struct):
    """A model for which operations were recorded in such sessions."""

    model_id: str
    organisation: str
    sessions: list[str]
    operations: Count


class DerivedVersion(Struct):
    """A version made of one that held the person's records: `records` of them are in it, `left_out` are not."""

    dataset_id: str
    dataset: str
    version: Count
    records: Count
    left_out: Count


class Withdrawal(Struct):
    """A withdrawal; `records` counts the person's records in the newest version."""

    withdrawal_id: Annotated[str, Meta(pattern="^wdr_[0-9a-f]{16}$")]
    dataset_id: str
    records: Count | UnsetType = UNSET
    sessions: list[SessionReached] | UnsetType = UNSET
    models: list[ModelReached] | UnsetType = UNSET
    derived: list[DerivedVersion] | UnsetType = UNSET


class Node(Struct):
    """A decision, model, group of operations, session, dataset, dataset version or policy; more fields by its type."""

    id: str
    type: Literal["decision", "model", "operations", "session", "dataset", "dataset_version", "policy"]


class Edge(Struct):
    """That `from` came from `to`."""

    from_: str = field(name="from")
    relation: str
    to: str


class Graph(Struct):
    """What came from what; `truncated` when there are more than 1,000 sessions."""

    root: str
    nodes: list[Node]
    edges: list[Edge]
    truncated: bool
