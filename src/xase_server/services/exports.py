"""Bundles in the making (docs/spec/api.md, section 7).

A request is an entry before it is answered, and what has become of it is one, too. What a stop
interrupted is made again from its beginning at the next start; nothing of it had been stored.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from msgspec import Raw, structs
from msgspec.json import decode, encode

from xase.proof.entry import format_time
from xase.proof.keys import DocumentSigner
from xase_server.domain.bundles import EXPORT, FAILED, PENDING, Export, Failure, NewBundle
from xase_server.domain.clock import Clock
from xase_server.domain.entries import (
    Append,
    BundleRow,
    BundleStored,
    Claim,
    ObjectsChanged,
    Replayed,
    Unit,
    admin_stream,
)
from xase_server.domain.errors import Refused
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.domain.times import DAY_MS
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads
from xase_server.services.bundling import Bundle, make_bundle
from xase_server.services.documents import document_of, export_of
from xase_server.services.outcome import Once, Outcome, Remembered, answer_again, remember, remembered
from xase_server.services.reading import Reader
from xase_server.services.scopes import Scope
from xase_server.services.sealing import make_append
from xase_server.services.views import View
from xase_server.services.visibility import every_object

AT_ONCE: Final = 2
"""Bundles that one server makes, or verifies, at a time: each is in memory meanwhile."""

PROCESSING: Final = "PROCESSING"

_PAUSE: Final = 1.0
_DEFECT: Final = Failure("internal_error", "A defect of the server; its log says more")
LATE: Final = Failure("unavailable", "It was not finished within a day; ask for it again")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Made:
    """A bundle, and who had asked for it."""

    bundle: Bundle
    who: Principal


class Exports:
    """The bundles that this server is making, a few at once."""

    def __init__(self, ledger: Ledger, reader: Reader, signer: DocumentSigner, clock: Clock, *, limit: int) -> None:
        self._ledger = ledger
        self._reader = reader
        self._signer = signer
        self._clock = clock
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def begin(self, who: Principal, scope: Scope, wish: NewBundle, once: Once | None) -> Outcome:
        """A bundle in the making. That it was asked for is durable: it will be there, or say why not."""
        row = _row(who, scope, wish, self._clock.now_ms())
        view = first_view(row)
        # COMMIT POINT: from here on the bundle is made, however often the server stops.
        committed = await self._ledger.append(
            Unit((_append_request(who, scope, row),), remember(once, Remembered(body=view)))
        )
        if isinstance(committed, Replayed):
            return answer_again(remembered(committed))
        self._start(row)
        return Outcome(view)

    async def resume(self) -> None:
        """Begin again with what an earlier stop left unfinished."""
        now_ms = self._clock.now_ms()
        for row in await self._reader.scan(lambda reads: _unfinished(reads, now_ms)):
            self._start(row)

    async def close(self) -> None:
        """Stop what is being made; the next start goes on with it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, row: ObjectRow) -> None:
        task = asyncio.create_task(self._run(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, row: ObjectRow) -> None:
        """Make it, or say why it cannot be made; as often as it takes while the store or the ledger is away."""
        async with self._places:
            failure: Failure | None = None
            while True:
                try:
                    await (self._make(row) if failure is None else self._give_up(row, failure))
                except Refused as refused:
                    if refused.kind.slug != "unavailable":
                        failure = Failure(refused.kind.slug, refused.message)
                        continue
                    await asyncio.sleep(_PAUSE)
                except Exception as defect:  # noqa: BLE001 - a defect must end the job, and its text may hold payload
                    _log.error("bundle failed", bundle_id=row.id, kind=type(defect).__name__)
                    if failure is not None:
                        return
                    failure = _DEFECT
                else:
                    return

    async def _make(self, row: ObjectRow) -> None:
        made = await self._reader.scan(lambda reads: self._read(reads, row))
        append = _append_export(made, row)
        # COMMIT POINT: the bundle can be downloaded, and the ledger names its hash.
        await self._ledger.append(Unit((append,), _ending_of(row)))

    def _read(self, reads: Reads, row: ObjectRow) -> _Made:
        export = export_of(row)
        bundle = make_bundle(
            reads,
            decode(export.scope, type=Scope),
            self._signer,
            bundle_id=row.id,
            created_at=format_time(row.created_ms),
            purpose=export.purpose,
            limit=self._limit,
            paper=export.format == "pdf",
        )
        return _Made(bundle, _asking(reads, row.organisation, export))

    async def _give_up(self, row: ObjectRow, failure: Failure) -> None:
        who = await self._reader.scan(lambda reads: _asking(reads, row.organisation, export_of(row)))
        # COMMIT POINT: it has failed, and says why.
        await self._ledger.append(Unit((_append_failure(who, row, failure),), _ending_of(row)))


def first_view(row: ObjectRow) -> View:
    """What is answered while a bundle is being made."""
    return {"bundle_id": row.id, "status": PROCESSING, "created_at": format_time(row.created_ms)}


def _row(who: Principal, scope: Scope, wish: NewBundle, now_ms: int) -> ObjectRow:
    export = Export(
        scope=Raw(encode(scope)),
        format=wish.format,
        key_id=who.key_id,
        entry=new_id("evt"),
        purpose=wish.purpose or None,
    )
    return ObjectRow(
        kind=EXPORT,
        id=new_id("bundle"),
        organisation=who.organisation,
        revision=1,
        document=document_of(export),
        created_ms=now_ms,
        status=PENDING,
        ends_ms=now_ms + DAY_MS,
    )


def _unfinished(reads: Reads, now_ms: int) -> list[ObjectRow]:
    """What was asked for lately, has not failed, and is not there."""
    asked = every_object(reads, ObjectQuery(kind=EXPORT, status=PENDING, now_ms=now_ms))
    return [row for row in asked if reads.bundle(row.organisation, row.id) is None]


def _asking(reads: Reads, organisation: str, export: Export) -> Principal:
    """Who asked: the key by its id, the person by what the request's entry holds of them."""
    found = reads.any_entry(export.entry)
    part = found[2].get("principal") if found is not None else None
    email = "" if part is None else decode(part.canonical, type=str)
    return Principal(organisation, export.key_id, email, None, frozenset())


def _ending_of(row: ObjectRow) -> Claim:
    """One ending for each request, whichever server comes first."""
    return Claim("export", row.id, b"", b"")


def _append_request(who: Principal, scope: Scope, row: ObjectRow) -> Append:
    export = export_of(row)
    return make_append(
        identifier=export.entry,
        type="bundle_requested",
        stream=admin_stream(who.organisation),
        principal=who,
        body={"bundle_id": row.id, "format": export.format},
        parts=_parts(who, scope.view(), export),
        effect=ObjectsChanged((row,)),
        not_before_ms=row.created_ms,
    )


def _append_export(made: _Made, row: ObjectRow) -> Append:
    export, bundle, who = export_of(row), made.bundle, made.who
    scope = decode(export.scope, type=Scope).view()
    stored = BundleRow(
        id=row.id,
        organisation=row.organisation,
        created_ms=row.created_ms,
        scope=encode(scope),
        purpose=export.purpose,
        format=export.format,
        record_count=bundle.record_count,
        entry_count=bundle.entry_count,
        tree_size=bundle.tree_size,
        sha256=hashlib.sha256(bundle.content).hexdigest(),
        size=len(bundle.content),
    )
    return make_append(
        identifier=row.id,
        type="bundle_exported",
        stream=admin_stream(row.organisation),
        principal=who,
        body={
            "sha256": f"sha256:{stored.sha256}",
            "record_count": stored.record_count,
            "tree_size": stored.tree_size,
        },
        parts=_parts(who, scope, export),
        effect=BundleStored(stored, bundle.content),
    )


def _append_failure(who: Principal, row: ObjectRow, failure: Failure) -> Append:
    document = structs.replace(export_of(row), failure=failure)
    after = structs.replace(row, revision=row.revision + 1, status=FAILED, document=document_of(document))
    return make_append(
        identifier=new_id("evt"),
        type="bundle_failed",
        stream=admin_stream(row.organisation),
        principal=who,
        body={"bundle_id": row.id, "code": failure.code},
        parts={"principal": who.email},
        effect=ObjectsChanged((after,)),
    )


def _parts(who: Principal, scope: Mapping[str, Any], export: Export) -> dict[str, Any]:
    return {"scope": scope, "principal": who.email} | ({"purpose": export.purpose} if export.purpose else {})
