"""Evidence bundles: made in the background, ledgered, downloaded, verified (docs/spec/api.md, section 7)."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.json import decode, encode

from xase.proof.entry import format_time
from xase.proof.keys import DocumentSigner
from xase.proof.report import Report, Severity
from xase.proof.verify import Trust, verify_bundle
from xase_server.domain.bundles import NewBundle
from xase_server.domain.clock import Clock
from xase_server.domain.entries import BundleRow, BundleStored, Unit, admin_stream
from xase_server.domain.errors import Refused, not_found
from xase_server.domain.ids import new_id
from xase_server.domain.keyring import KeyRing
from xase_server.domain.principals import Principal
from xase_server.domain.times import parse_instant
from xase_server.ledger.append import Ledger
from xase_server.ports import Reads
from xase_server.services.bundling import Bundle, make_bundle
from xase_server.services.outcome import (
    Once,
    Outcome,
    Remembered,
    another_request,
    answer_again,
    recall,
    remember,
)
from xase_server.services.reading import Reader
from xase_server.services.scopes import Scope, permitted, scope_of
from xase_server.services.sealing import make_append
from xase_server.services.views import View

# Which steps of the verification speak for which statement of the answer (docs/spec/evidence.md, section 7).
_STATEMENTS: Final = {
    "signature_valid": {1, 2},
    "chain_intact": {3, 4, 5, 6},
    "timestamps_valid": {7},
    "contents_valid": {0, 1, 8},
}
_FAILED_KEPT: Final = 1_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Download:
    """A bundle on its way out: its size, its SHA-256 in hex, and its bytes in pieces."""

    size: int
    sha256: str
    chunks: AsyncGenerator[bytes]


@dataclass(slots=True)
class _Job:
    """A bundle in the making, or the reason why it failed."""

    organisation: str
    view: View
    once: Once | None
    task: "asyncio.Task[None] | None" = None


class Bundles:
    """Makes, lists, hands out and verifies the bundles of the caller's organisation.

    A bundle exists once its export is in the ledger. One that was being made when the server
    stopped leaves no trace; asking again makes it.
    """

    def __init__(
        self,
        ledger: Ledger,
        reader: Reader,
        signer: DocumentSigner,
        ring: KeyRing,
        clock: Clock,
        *,
        limit: int,
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._signer = signer
        self._trust = Trust(log_keys=ring.log_verifiers, document_keys=ring.document_verifiers)
        self._clock = clock
        self._limit = limit
        self._jobs: dict[str, _Job] = {}

    async def create(self, who: Principal, wish: NewBundle, once: Once | None) -> Outcome:
        """A bundle in the making: PROCESSING, then READY once it is stored, or FAILED with the reason.

        Raises `not_found` for a session or dataset whose evidence is not the caller's to export.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return answer_again(earlier)
        running = self._running(once)
        if running is not None:
            return Outcome(_first_view(running.view["bundle_id"], running.view["created_at"]), replayed=True)
        asked = scope_of(who, wish)
        scope = await self._reader.point(lambda reads: permitted(reads, who, asked))
        view = _first_view(new_id("bundle"), format_time(self._clock.now_ms()))
        job = _Job(who.organisation, dict(view), once)
        self._remember(view["bundle_id"], job)
        job.task = asyncio.create_task(self._run(who, scope, wish.purpose or None, job, once))
        return Outcome(view)

    def _running(self, once: Once | None) -> _Job | None:
        """The job that an earlier request with the same idempotency key began and that goes on."""
        for job in self._jobs.values():
            theirs = job.once
            if once is None or theirs is None or job.view["status"] != "PROCESSING":
                continue
            if (theirs.scope, theirs.key) == (once.scope, once.key):
                if theirs.request != once.request:
                    raise another_request()
                return job
        return None

    def _remember(self, identifier: str, job: _Job) -> None:
        if len(self._jobs) >= _FAILED_KEPT:
            self._jobs = {name: each for name, each in self._jobs.items() if each.view["status"] == "PROCESSING"}
        self._jobs[identifier] = job

    async def _run(self, who: Principal, scope: Scope, purpose: str | None, job: _Job, once: Once | None) -> None:
        identifier = job.view["bundle_id"]
        try:
            await self._make(who, scope, purpose, job.view, once)
        except Refused as refused:
            job.view |= {"status": "FAILED", "error": {"code": refused.kind.slug, "message": refused.message}}
        except Exception as defect:  # noqa: BLE001 - a defect must end the job, and its text may hold payload
            _log.error("bundle failed", bundle_id=identifier, kind=type(defect).__name__)
            job.view |= {"status": "FAILED", "error": {"code": "internal_error", "message": "A defect of the server"}}
        else:
            del self._jobs[identifier]

    async def _make(self, who: Principal, scope: Scope, purpose: str | None, view: View, once: Once | None) -> None:
        identifier, created_at = view["bundle_id"], view["created_at"]

        def work(reads: Reads) -> Bundle:
            return make_bundle(
                reads,
                scope,
                self._signer,
                bundle_id=identifier,
                created_at=created_at,
                purpose=purpose,
                limit=self._limit,
            )

        bundle = await self._reader.scan(work)
        row = BundleRow(
            id=identifier,
            organisation=who.organisation,
            created_ms=parse_instant(created_at, "created_at"),
            scope=encode(scope.view()),
            purpose=purpose,
            format="standard",
            record_count=bundle.record_count,
            entry_count=bundle.entry_count,
            tree_size=bundle.tree_size,
            sha256=hashlib.sha256(bundle.content).hexdigest(),
            size=len(bundle.content),
        )
        append = make_append(
            identifier=identifier,
            type="bundle_exported",
            stream=admin_stream(who.organisation),
            principal=who,
            body={"sha256": f"sha256:{row.sha256}", "record_count": row.record_count, "tree_size": row.tree_size},
            parts={"scope": scope.view(), "principal": who.email} | ({"purpose": purpose} if purpose else {}),
            effect=BundleStored(row, bundle.content),
        )
        await self._ledger.append(Unit((append,), remember(once, Remembered(body=_first_view(identifier, created_at)))))

    async def close(self) -> None:
        """Stop what is being made; it leaves no trace."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None and not job.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def get(self, who: Principal, identifier: str) -> View:
        """Where the bundle stands."""
        job = self._jobs.get(identifier)
        if job is not None and job.organisation == who.organisation:
            return job.view
        return _view(await self._row(who, identifier))

    async def list(self, who: Principal, limit: int, offset: int) -> tuple[Sequence[View], int]:
        """The stored bundles, newest first, and how many there are."""
        page = await self._reader.point(lambda reads: reads.bundles(who.organisation, limit, offset))
        return [_view(row) for row in page.rows], page.total

    async def download(self, who: Principal, identifier: str) -> Download:
        """The bytes of a READY bundle."""
        row = await self._row(who, identifier)
        return Download(row.size, row.sha256, self._chunks(identifier))

    async def _chunks(self, identifier: str) -> AsyncGenerator[bytes]:
        number = 0
        while chunk := await self._chunk(identifier, number):
            yield chunk
            number += 1

    async def _chunk(self, identifier: str, number: int) -> bytes:
        return await self._reader.scan(lambda reads: reads.bundle_chunk(identifier, number))

    async def verify(self, who: Principal, identifier: str) -> View:
        """The verdict on a stored bundle, under this server's own keys."""
        row = await self._row(who, identifier)
        content = b"".join([chunk async for chunk in self._chunks(row.id)])
        return await self.verify_upload(content)

    async def verify_upload(self, content: bytes) -> View:
        """The verdict on a bundle that somebody sent, under this server's own keys."""
        return _verdict(await asyncio.to_thread(verify_bundle, content, self._trust))

    async def _row(self, who: Principal, identifier: str) -> BundleRow:
        row = await self._reader.point(lambda reads: reads.bundle(who.organisation, identifier))
        if row is None:
            raise not_found("bundle", identifier)
        return row


def _first_view(identifier: str, created_at: str) -> View:
    return {"bundle_id": identifier, "status": "PROCESSING", "created_at": created_at}


def _view(row: BundleRow) -> View:
    return {
        "bundle_id": row.id,
        "status": "READY",
        "created_at": format_time(row.created_ms),
        "scope": decode(row.scope),
        "purpose": row.purpose,
        "format": row.format,
        "record_count": row.record_count,
        "entry_count": row.entry_count,
        "tree_size": row.tree_size,
        "size": row.size,
        "sha256": f"sha256:{row.sha256}",
        "download_url": f"/v1/evidence/bundles/{row.id}/download",
    }


def _verdict(report: Report) -> View:
    wrong = {finding.step for finding in report.findings if finding.severity is not Severity.NOTE}
    statements = {name: report.verified or not wrong & steps for name, steps in _STATEMENTS.items()}
    return {
        "verification": {"valid": report.verified, **statements},
        "details": report.to_dict(),
        "errors": [finding.to_dict() for finding in report.findings if finding.severity is not Severity.NOTE],
    }
