"""Evidence before data: what leaves is in the ledger, durable and signed, before its first byte is sent.

The entry says how much left, of which version, under which contract; which records, and the query with
its literals, are parts: committed to by salted hash, kept apart, so that they can be erased.
Source: docs/spec/evidence.md, sections 1 and 3.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from xase_server.delivery.bitmap import bitmap_of
from xase_server.delivery.numbers import run_of
from xase_server.domain.entries import Committed, Unit, Used, session_stream
from xase_server.domain.ids import new_id
from xase_server.domain.objects import BLOCK, EVERYWHERE, Delivery, ObjectRow
from xase_server.ledger.append import Ledger
from xase_server.ports import Numbers
from xase_server.services.grants import Grant
from xase_server.services.sealing import make_append
from xase_server.services.wanted import Via

_MOST_BLOCKS: Final = 64

Leaving = Literal["release", "aggregate", "transform"]
"""The types of entries by which a session's data leaves."""

PREFIXES: Final[Mapping[Leaving, str]] = {"release": "batch", "aggregate": "agg", "transform": "transform"}
"""The id's prefix for each type of entry that a session's data leaves by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is about to leave: `size` bytes that speak of these records; `asked` is the query as plain JSON.

    `facts` join the entry's body, `parts` its commitments; `objects` move on with it.
    """

    via: Via
    numbers: Numbers | None
    fields: tuple[str, ...]
    asked: Mapping[str, Any]
    size: int
    type: Leaving = "release"
    facts: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)
    objects: tuple[ObjectRow, ...] = ()


def new_batch_id(type: Leaving = "release") -> str:
    """The id of an entry by which data leaves."""
    return new_id(PREFIXES[type])


def evidence_id(identifier: str) -> str:
    """The same id as one of evidence: `ev_…` finds the entry, whatever kind it is."""
    return "ev_" + identifier.partition("_")[2]


class Releases:
    """Writes what leaves into the session's chain."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def commit(self, grant: Grant, identifier: str, release: Release) -> Committed:
        """On return the release is durable: its data may leave.

        Raises `quota_exceeded` when it is more than may still be used, Stale when the session, what was used, the key,
        the policy or the dataset has moved on since the grant, and `unavailable` when the ledger
        cannot be written; in all cases nothing may leave.
        """
        numbers = release.numbers
        count = 0 if numbers is None else len(numbers)
        grant.quotas.refuse_beyond(records=count, bytes=release.size)
        body = {
            **_cited(grant),
            "via": release.via,
            "record_count": count,
            "fields": list(release.fields),
            **release.facts,
        }
        parts: dict[str, Any] = {"query": dict(release.asked), "principal": grant.who.email, **release.parts}
        if numbers is not None:
            run = run_of(numbers)
            parts["records"] = b64encode(bitmap_of(numbers if run is None else run)).decode()
        append = make_append(
            identifier=identifier,
            type=release.type,
            stream=session_stream(grant.session_id),
            principal=grant.who,
            body=body,
            parts=parts,
            effect=Used(
                grant.session_id,
                records=count,
                bytes=release.size,
                queries=1,
                delivery=None if numbers is None or not count else _delivery(grant, numbers),
                objects=release.objects,
                accounts=grant.accounts.shared,
                rates=grant.rates,
            ),
        )
        # COMMIT POINT: before it nothing has left, after it the data may
        committed = await self._ledger.append(
            Unit((append,), expects=grant.expects, until_ms=grant.until_ms, within=grant.within)
        )
        assert isinstance(committed, Committed), "a release has no idempotency key"
        return committed

    async def refuse(self, grant: Grant, release: Release, code: str) -> None:
        """On return it is durable that an answer was refused for what it would have told, and counts as a query.

        So nobody finds out by asking for ever. Raises what `commit` raises.
        """
        append = make_append(
            identifier=new_id("evt"),
            type="aggregate_refused",
            stream=session_stream(grant.session_id),
            principal=grant.who,
            body={**_cited(grant), "code": code},
            parts={"query": dict(release.asked), "principal": grant.who.email},
            effect=Used(grant.session_id, queries=1, accounts=grant.accounts.shared, rates=grant.rates),
        )
        # COMMIT POINT: before it nobody was told that it is refused
        await self._ledger.append(Unit((append,), expects=grant.expects, until_ms=grant.until_ms, within=grant.within))


def _cited(grant: Grant) -> dict[str, Any]:
    """What each entry of a session's data names."""
    return {
        "session_id": grant.session_id,
        "dataset_id": grant.dataset_id,
        "dataset_version": grant.version,
        "contract_hash": grant.contract_hash,
    }


def _delivery(grant: Grant, numbers: Numbers) -> Delivery:
    blocks = _blocks(numbers)
    return Delivery(grant.dataset_id, grant.version, (EVERYWHERE,) if len(blocks) > _MOST_BLOCKS else tuple(blocks))


def _blocks(numbers: Numbers) -> Sequence[int]:
    """The blocks that hold these records; counted where there is no run: sorting them would take milliseconds."""
    run = run_of(numbers)
    if run is not None:
        return range(run[0] // BLOCK, run[-1] // BLOCK + 1)
    found: list[int] = np.flatnonzero(np.bincount(numbers // BLOCK)).tolist()
    return found
