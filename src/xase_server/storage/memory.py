"""The ledger in plain dictionaries: for simulations and tests. Nothing survives the process.

Lists are answered by looking at every decision: what the databases' lists are held to.
"""

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final, TypeVar

from xase_server.domain.decisions import DecisionFilter, Page
from xase_server.domain.entries import (
    ApiKeyRow,
    BundleRow,
    BundleStored,
    Claim,
    DecisionStored,
    InterventionStored,
    KeyRevoked,
    KeyStored,
    Part,
    PayloadErased,
    Stream,
)
from xase_server.ports import (
    AmbiguousPrefix,
    BundlePage,
    DecisionPage,
    DecisionRow,
    Head,
    InterventionRow,
    Reads,
    SealedAppend,
    SealedBatch,
    StorageUnavailable,
    StreamHead,
    Transaction,
    Unwritable,
)

T = TypeVar("T")
CHUNK_BYTES: Final = 1 << 20


@dataclass(slots=True)
class _Decision:
    """A decision as it is listed."""

    number: int
    index: int
    created_ms: int
    id: str
    stored: DecisionStored
    intervened: bool = False
    erased_ms: int | None = None
    erased_reason: str | None = None

    def matches(self, wanted: DecisionFilter) -> bool:
        stored, confidence = self.stored, self.stored.confidence
        return (
            wanted.model_id in (None, stored.model_id)
            and wanted.policy_id in (None, stored.policy_id)
            and wanted.transaction_id in (None, stored.transaction_id)
            and (wanted.since_ms is None or self.created_ms >= wanted.since_ms)
            and (wanted.until_ms is None or self.created_ms < wanted.until_ms)
            and wanted.has_intervention in (None, self.intervened)
            and (wanted.min_confidence is None or (confidence is not None and confidence >= wanted.min_confidence))
            and (wanted.max_confidence is None or (confidence is not None and confidence <= wanted.max_confidence))
        )


@dataclass(slots=True)
class _State:
    """Everything stored. A transaction works on a copy."""

    head: Head
    entries: list[bytes] = field(default_factory=list)
    parts: dict[int, dict[str, Part]] = field(default_factory=dict)
    ids: dict[tuple[str, str], int] = field(default_factory=dict)
    streams: dict[Stream, StreamHead] = field(default_factory=dict)
    stream_entries: dict[Stream, list[int]] = field(default_factory=dict)
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    checkpoints: dict[int, str] = field(default_factory=dict)
    claims: dict[tuple[str, str], tuple[Claim, int]] = field(default_factory=dict)
    decisions: dict[str, list[_Decision]] = field(default_factory=dict)
    interventions: list[tuple[str, str, str, int]] = field(default_factory=list)
    keys: dict[str, ApiKeyRow] = field(default_factory=dict)
    bundles: dict[str, BundleStored] = field(default_factory=dict)
