"""Evidence bundles: made in the background, ledgered, downloaded, verified (docs/spec/api.md, section 7)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import to_builtins
from msgspec.json import decode

from xase.proof.entry import format_time
from xase.proof.report import Report, Severity
from xase.proof.verify import Trust, verify_bundle
from xase_server.domain.bundles import EXPORT, NewBundle, export_ref
from xase_server.domain.clock import Clock
from xase_server.domain.decisions import Page
from xase_server.domain.entries import BundleRow
from xase_server.domain.errors import Refused, not_found
from xase_server.domain.keyring import KeyRing
from xase_server.domain.objects import ObjectQuery, ObjectRow
from xase_server.domain.principals import Principal
from xase_server.ports import Reads
from xase_server.services.documents import export_of
from xase_server.services.exports import AT_ONCE, LATE, PROCESSING, Exports, first_view
from xase_server.services.outcome import Once, Outcome, answer_again, recall
from xase_server.services.reading import Reader
from xase_server.services.scopes import permitted, scope_of
from xase_server.services.views import View

# Which steps of the verification speak for which statement of the answer (docs/spec/evidence.md, section 7).
_STATEMENTS: Final = {
    "signature_valid": {1, 2},
    "chain_intact": {3, 4, 5, 6},
    "timestamps_valid": {7},
    "contents_valid": {0, 1, 8},
}


@dataclass(frozen=True, slots=True)
class Download:
    """A bundle on its way out: its size, its SHA-256 in hex, and its bytes in pieces."""

    size: int
    sha256: str
    chunks: AsyncGenerator[bytes]


class Bundles:
    """Makes, lists, hands out and verifies the bundles of the caller's organisation."""

    def __init__(self, exports: Exports, reader: Reader, ring: KeyRing, clock: Clock) -> None:
        self._exports = exports
        self._reader = reader
        self._trust = Trust(log_keys=ring.log_verifiers, document_keys=ring.document_verifiers)
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)

    async def create(self, who: Principal, wish: NewBundle, once: Once | None) -> Outcome:
        """A bundle in the making: PROCESSING, then READY once it is stored, or FAILED with the reason.

        Raises `not_found` for a session or dataset whose evidence is not the caller's to export.
        """
        earlier = await recall(self._reader, once)
        if earlier is not None:
            return answer_again(earlier)
        asked = scope_of(who, wish)
        scope = await self._reader.point(lambda reads: permitted(reads, who, asked))
        return await self._exports.begin(who, scope, wish, once)

    async def resume(self) -> None:
        """Go on with what was being made when the server stopped."""
        await self._exports.resume()

    async def close(self) -> None:
        """Stop what is being made; the next start goes on with it."""
        await self._exports.close()

    async def get(self, who: Principal, identifier: str) -> View:
        """Where the bundle stands."""

        def work(reads: Reads) -> View:
            asked = reads.object(export_ref(identifier))
            if asked is None or asked.organisation != who.organisation:
                raise not_found("bundle", identifier)
            return self._stands(reads, asked)

        return await self._reader.point(work)

    def _stands(self, reads: Reads, row: ObjectRow) -> View:
        stored = reads.bundle(row.organisation, row.id)
        if stored is not None:
            return _view(stored)
        is_late = row.ends_ms is not None and row.ends_ms <= self._clock.now_ms()
        failure = export_of(row).failure or (LATE if is_late else None)
        error = {} if failure is None else {"status": "FAILED", "error": to_builtins(failure)}
        return first_view(row) | error

    async def list(self, who: Principal, page: Page) -> tuple[Sequence[View], int, int | None]:
        """A page of all bundles that were asked for, newest first, how many there are, and where the next page begins.

        Those in the making, and those that failed, are among them.
        """

        def work(reads: Reads) -> tuple[Sequence[View], int, int | None]:
            found = reads.objects(ObjectQuery(kind=EXPORT, owner=who.organisation), page)
            return [self._stands(reads, row) for row in found.rows], found.total, found.next_after

        return await self._reader.scan(work)

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
        async with self._places:
            return await self._judge(b"".join([chunk async for chunk in self._chunks(row.id)]))

    async def verify_upload(self, content: bytes) -> View:
        """The verdict on a bundle that somebody sent, under this server's own keys."""
        async with self._places:
            return await self._judge(content)

    async def _judge(self, content: bytes) -> View:
        return _verdict(await asyncio.to_thread(verify_bundle, content, self._trust))

    async def _row(self, who: Principal, identifier: str) -> BundleRow:
        row = await self._reader.point(lambda reads: reads.bundle(who.organisation, identifier))
        if row is not None:
            return row
        if (await self.get(who, identifier))["status"] == PROCESSING:
            raise Refused("conflict", "The bundle is still being made", {"resource": "bundle", "id": identifier})
        raise not_found("bundle", identifier)


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
    statements = {name: report.passed(steps) for name, steps in _STATEMENTS.items()}
    return {
        "verification": {"valid": report.verified, **statements},
        "details": report.to_dict(),
        "errors": [finding.to_dict() for finding in report.findings if finding.severity is not Severity.NOTE],
    }
