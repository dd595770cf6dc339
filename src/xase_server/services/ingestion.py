"""Data on its way to become a version: received, read in the background, recorded (docs/spec/api.md, section 3).

A version exists once its entry is in the ledger. Before, its files are nobody's and are swept away.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import structlog
from msgspec import UNSET

from xase_server.domain.errors import Refused
from xase_server.domain.objects import ObjectRow
from xase_server.domain.principals import Principal
from xase_server.ports import Derive, Found, Ingest, IngestProblem, Library
from xase_server.services.anew import until_it_stands
from xase_server.services.documents import dataset_of
from xase_server.services.fitting import in_words
from xase_server.services.jobs import Arrival, Derivation, Job
from xase_server.services.outcome import Once, another_request
from xase_server.services.versions import Versions

AT_ONCE: Final = 2
_PIECE: Final = 1 << 20
_PAUSE: Final = 1.0
_DEFECT: Final = "A defect of the server; its log says more"

_log = structlog.get_logger(__name__)


class Ingestion:
    """The jobs of this server, a few at once and one for each dataset."""

    def __init__(self, versions: Versions, library: Library) -> None:
        self._versions = versions
        self._library = library
        self._jobs: dict[str, Job] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="xase-ingest")

    def running(self, dataset_id: str) -> Job | None:
        """The job of a dataset."""
        return self._jobs.get(dataset_id)

    def claimed(self, once: Once | None, dataset_id: str) -> Job | None:
        """The dataset's job that the same request began; raises `idempotency_mismatch` when it was another request."""
        job = self._jobs.get(dataset_id)
        theirs = job.once if job else None
        if once is None or theirs is None or (theirs.scope, theirs.key) != (once.scope, once.key):
            return None
        if theirs.request != once.request:
            raise another_request()
        return job

    def refuse_second(self, dataset_id: str) -> None:
        """Raise `conflict` while data of the dataset is being read."""
        if dataset_id in self._jobs:
            raise Refused(
                "conflict",
                "Data of this dataset is still being read; send more when its version is there",
                {"resource": "dataset", "id": dataset_id},
            )

    def start(self, who: Principal, row: ObjectRow, origin: Arrival | Derivation, once: Once | None) -> Job:
        """Begin to make the dataset's next version. Raises `conflict` while another is being made."""
        self.refuse_second(row.id)
        job = self._jobs[row.id] = Job(who, row.id, dataset_of(row).version + 1, origin, once)
        job.task = asyncio.create_task(self._run(job, row))
        return job

    @contextlib.asynccontextmanager
    async def received(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[Path, str]]:
        """A fresh file that holds the pieces, and their SHA-256 in hex.

        It is gone afterwards, unless a job reads it. What breaks off leaves no file.
        """
        path = self._library.incoming()
        try:
            yield path, await _write(path, pieces)
        finally:
            if all(_file(job.origin) != path for job in self._jobs.values()):
                path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Break off what is being made: nothing of it is recorded, and the next start says so."""
        jobs = list(self._jobs.values())
        for job in jobs:
            job.cancelled.set()
        tasks = [job.task for job in jobs if job.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _run(self, job: Job, row: ObjectRow) -> None:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._read, job, row)
            await self._record(job, lambda: self._versions.record(job, found))
        except IngestProblem as problem:
            job.too_large = problem.message if problem.too_large else None
            await self._give_up(job, problem.message)
        except Refused as refused:
            await self._give_up(job, in_words(refused))
        except Exception as defect:  # noqa: BLE001 - a defect must end the job, and its text may hold data
            _log.error("ingest failed", dataset_id=job.dataset_id, kind=type(defect).__name__)
            await self._give_up(job, _DEFECT)
        finally:
            del self._jobs[job.dataset_id]
            if isinstance(job.origin, Arrival) and job.origin.passing:
                job.origin.path.unlink(missing_ok=True)

    def _read(self, job: Job, row: ObjectRow) -> Found:
        dataset, origin = dataset_of(row), job.origin
        if isinstance(origin, Derivation):
            base = origin.source, origin.version
            derive = Derive(dataset_id=row.id, number=job.number, base=base, anonymity=origin.anonymity)
            return self._library.derive(derive, job.note, job.cancelled.is_set)
        wish = Ingest(
            dataset_id=job.dataset_id,
            number=job.number,
            source=origin.path,
            format=origin.format,
            id_field=dataset.id_field,
            base=dataset.version if origin.mode == "append" and dataset.version else None,
            scrub={path: note.scrub.entities for path, note in dataset.fields.items() if note.scrub is not UNSET},
        )
        return self._library.ingest(wish, job.note, job.cancelled.is_set)

    async def _give_up(self, job: Job, failure: str) -> None:
        """Record that the version cannot be made; nothing when the server itself broke off."""
        if not await self._versions.exists(job):
            await asyncio.to_thread(self._library.discard, job.dataset_id, job.number)
        if job.cancelled.is_set():
            return
        with contextlib.suppress(Refused):
            await self._record(job, lambda: self._versions.record_failure(job, failure))

    async def _record(self, job: Job, append: Callable[[], Awaitable[None]]) -> None:
        """Append, as often as it takes while the ledger is away: minutes of work hang on it."""
        while True:
            try:
                await until_it_stands(append)
            except Refused as refused:
                if refused.kind.slug != "unavailable" or job.cancelled.is_set():
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                return


def _file(origin: Arrival | Derivation) -> Path | None:
    return origin.path if isinstance(origin, Arrival) else None


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> str:
    digest = hashlib.sha256()
    waiting = bytearray()
    with path.open("wb") as file:
        async for piece in pieces:
            waiting += piece
            if len(waiting) >= _PIECE:
                await asyncio.to_thread(_pour, file.write, digest.update, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(_pour, file.write, digest.update, bytes(waiting))
    return digest.hexdigest()


def _pour(write: Callable[[bytes], object], update: Callable[[bytes], object], content: bytes) -> None:
    write(content)
    update(content)
