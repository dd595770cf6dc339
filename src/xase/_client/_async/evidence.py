"""Evidence: single entries with their proof, and bundles that a stranger verifies offline."""

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from xase._client import wire
from xase._client._async.exchange import AsyncExchange
from xase._client._async.ledger import AsyncLedger
from xase._client._async.paging import AsyncListing
from xase._client.colour import async_in_thread, async_sleep
from xase._client.files import target_of
from xase.errors import DeadlineExceeded, EvidenceError
from xase.models import BundleState, Proof

if TYPE_CHECKING:
    from xase.proof.report import Report

Moment = str | date | datetime

FIRST_LOOK: Final = 0.05  # seconds; doubled at each look
LONGEST_LOOK: Final = 2.0


class AsyncBundle(BundleState):
    """An evidence bundle on the server, as it was when it was last looked at.

    A copied or pickled bundle is a plain `BundleState`: it knows no server.
    """

    __slots__ = ("_evidence",)
    _evidence: "AsyncEvidence"

    def __init__(self, fields: Mapping[str, Any], evidence: "AsyncEvidence") -> None:
        super().__init__(fields)
        object.__setattr__(self, "_evidence", evidence)

    def __reduce__(self) -> tuple[Any, ...]:
        return BundleState, (self.to_dict(),)

    async def wait(self, timeout: float = 300.0) -> "AsyncBundle":  # noqa: ASYNC109 - the same in both colours
        """The bundle once it is made.

        Raises EvidenceError if making it failed, DeadlineExceeded after `timeout` seconds.
        """
        limit, pause, bundle = time.monotonic() + timeout, FIRST_LOOK, self
        while bundle.status == "PROCESSING":
            if time.monotonic() + pause > limit:
                raise DeadlineExceeded(f"bundle {self.bundle_id} was not ready after {timeout:g} seconds")
            await async_sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)
            bundle = await self._evidence.get(self.bundle_id)
        if bundle.status != "READY":
            raise EvidenceError(f"bundle {self.bundle_id} could not be made: {_reason(bundle)}")
        return bundle

    async def download(self, path: str | PathLike[str]) -> Path:
        """The bundle's bytes in the file `path`, or in that folder under the bundle's id; waits until it is made.

        The file appears whole or not at all, and has the hash the server named. Raises EvidenceError.
        """
        ready = await self.wait()
        return await self._evidence.fetch(ready, target_of(path, f"{self.bundle_id}.zip"))

    async def verify(self, *, key: str | PathLike[str] | None = None) -> "Report":
        """The report of the offline verification of the bundle's bytes, downloaded for it.

        `key` is what you trust: the text or file of the server's public keys (PEM, verifier lines or
        the JSON of `/.well-known/xase-signing-keys.json`). Without one the keys that the server
        shows now are taken, which proves nothing against the server itself.
        """
        from xase._client.verification import verify_file

        keys = key if key is not None else await self._evidence.server_keys()
        with TemporaryDirectory(prefix="xase-") as folder:
            file = await self.download(Path(folder) / "bundle.zip")
            return await async_in_thread(verify_file, file, keys)


def _reason(bundle: BundleState) -> str:
    if bundle.error is None:
        return bundle.status
    return f"{bundle.error['message']} ({bundle.error['code']})"


class AsyncEvidence:
    """`client.evidence`."""

    def __init__(self, exchange: AsyncExchange, ledger: AsyncLedger) -> None:
        self._exchange = exchange
        self._ledger = ledger

    async def show(self, identifier: str) -> Proof:
        """The ledger entry behind an id (`rec_…`, `int_…`, …) with its proof, verified as `records.prove` does."""
        proof = Proof(await self._exchange.send(wire.call("GET", f"/evidence/{wire.segment(identifier)}")))
        await self._ledger.verify(proof)
        return proof

    async def export(
        self,
        *,
        record_ids: Sequence[str] | None = None,
        model_id: str | None = None,
        session_id: str | None = None,
        dataset_id: str | None = None,
        start_date: Moment | None = None,
        end_date: Moment | None = None,
        purpose: str | None = None,
        format: str | None = None,
        include_payloads: bool | None = None,
        include_operations: bool | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncBundle:
        """Have a bundle made of named records, of a model's decisions in a period, of a session, or of a dataset.

        With `include_operations` a model's bundle also holds the sessions that fed it. It may still be in the
        making. `purpose` stands in the bundle. Without payloads it proves that the decisions were made without
        disclosing their contents.
        """
        body = wire.sent(
            record_ids=None if record_ids is None else list(record_ids),
            model_id=model_id,
            session_id=session_id,
            dataset_id=dataset_id,
            start_date=None if start_date is None else wire.instant(start_date),
            end_date=None if end_date is None else wire.instant(end_date),
            purpose=purpose,
            format=format,
            include_payloads=include_payloads,
            include_operations=include_operations,
        )
        call = wire.call("POST", "/evidence/bundles", body=body, idempotency_key=idempotency_key)
        return AsyncBundle(await self._exchange.send(call), self)

    async def get(self, bundle_id: str) -> AsyncBundle:
        """One bundle as it is now."""
        path = f"/evidence/bundles/{wire.segment(bundle_id)}"
        return AsyncBundle(await self._exchange.send(wire.call("GET", path)), self)

    async def fetch(self, bundle: BundleState, path: Path) -> Path:
        """A made bundle's bytes in the file `path`, whole or not at all."""
        call = wire.Call("GET", f"/evidence/bundles/{wire.segment(bundle.bundle_id)}/download", accept="*/*")
        return await self._exchange.download(call, path, sha256=bundle.sha256)

    async def server_keys(self) -> str:
        """The public keys the server shows, past ones included, as JSON."""
        answer = await self._exchange.send(wire.call("GET", "/.well-known/xase-signing-keys.json", at_root=True))
        return wire.encode(answer).decode()

    async def list(self, *, limit: int | None = None, offset: int | None = None) -> AsyncListing[BundleState]:
        """The organisation's bundles, newest first, those in the making and failed too; `limit` is the page size."""
        params = {"limit": limit, "offset": offset}
        return await AsyncListing(self._exchange, "/evidence/bundles", params, BundleState).fetch()
