"""The dataset versions of one node, in local folders."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from xase_server.datasets import caches
from xase_server.datasets.anonymity.job import AnonymityJob
from xase_server.datasets.anonymity.risk import risk_of
from xase_server.datasets.bounds import Bounds
from xase_server.datasets.caches import BuildDatabase
from xase_server.datasets.conversion import Converter, Work
from xase_server.datasets.edition import Edition
from xase_server.datasets.editions import Editions
from xase_server.datasets.folder import DATA, caches_whole, read_found, read_schema
from xase_server.datasets.ingest.job import Job
from xase_server.datasets.opened import OpenedVersion, OpenEngine
from xase_server.datasets.profile import profile
from xase_server.datasets.roots import Roots
from xase_server.datasets.shelf import Shelf
from xase_server.datasets.versions import Versions
from xase_server.ports.datasets import (
    Derive,
    Edit,
    Found,
    Ingest,
    IngestProblem,
    Progress,
    RiskQuestion,
    VersionUnavailable,
)

_MOST_OPEN = 32


class LocalLibrary:
    """See `ports.Library`. `root` holds the versions, `roots` are the folders that sources may lie below.

    `open_engine` and `build_database` come from the engine that is to run queries. `converter` stays the caller's
    to close; without one the library has its own.
    """

    def __init__(
        self,
        root: Path,
        roots: Mapping[str, Path],
        bounds: Bounds = Bounds(),  # noqa: B008 -- frozen
        *,
        open_engine: OpenEngine,
        build_database: BuildDatabase,
        converter: Converter | None = None,
    ) -> None:
        self._roots = Roots(roots)
        self._versions = Versions(root)
        self._bounds = bounds
        self._open_engine = open_engine
        self._build_database = build_database
        self._shelf = Shelf(_MOST_OPEN)
        self._converter, self._borrowed = converter or Converter(), converter is not None
        self._editions = Editions(self._versions.editions, open_engine, build_database)

    def resolve(self, source: str) -> Path:
        """See `Library.resolve`."""
        return self._roots.resolve(source)

    def incoming(self) -> Path:
        """See `Library.incoming`."""
        return self._versions.incoming()

    def ingest(self, wish: Ingest, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Found:
        """See `Library.ingest`."""
        base = None if wish.base is None else self._versions.folder(wish.dataset_id, wish.base)
        return self._made(
            (wish.dataset_id, wish.number),
            lambda folder: Job(
                source=str(wish.source.absolute()),
                folder=str(folder.absolute()),
                dataset_id=wish.dataset_id,
                format=wish.format,
                id_field=wish.id_field,
                base=None if base is None else str(base.absolute()),
                bounds=self._bounds,
                scrub=wish.scrub,
            ),
            progress,
            cancelled,
        )

    def derive(self, wish: Derive, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Found:
        """See `Library.derive`."""
        base = self._versions.folder(*wish.base)
        return self._made(
            (wish.dataset_id, wish.number),
            lambda folder: AnonymityJob(
                base=str(base.absolute()), folder=str(folder.absolute()), wish=wish.anonymity, bounds=self._bounds
            ),
            progress,
            cancelled,
        )

    def _made(
        self,
        place: tuple[str, int],
        job: Callable[[Path], Work],
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> Found:
        """A version made in a fresh folder, in a process of its own, and given its name."""
        with self._versions.building() as folder:
            found = self._converter.convert(job(folder), progress, cancelled)
            if cancelled():
                raise IngestProblem("The ingest was cancelled")
            try:
                caches.build_database(folder, read_schema(found), self._build_database)
                self._shelf.remove(place)
                self._editions.discard(place)
                self._versions.publish(folder, *place)
            except (OSError, VersionUnavailable) as error:
                raise IngestProblem(f"The version's files could not be written ({type(error).__name__})") from None
        return found

    def risk(self, dataset_id: str, number: int, question: RiskQuestion) -> Mapping[str, Any]:
        """See `Library.risk`."""
        folder = self._versions.folder(dataset_id, number)
        read_found(folder)
        try:
            return risk_of(folder / DATA, question)
        except (OSError, pa.ArrowException) as error:
            raise VersionUnavailable(f"the version's files cannot be read ({type(error).__name__})") from None

    def open(self, dataset_id: str, number: int) -> OpenedVersion:
        """See `Library.open`."""
        return self._shelf.get((dataset_id, number), lambda: self._opened(self._versions.folder(dataset_id, number)))

    def _opened(self, folder: Path) -> OpenedVersion:
        schema = read_schema(read_found(folder))
        if not caches_whole(folder):
            with self._versions.building() as workshop:
                caches.rebuild(folder, workshop, schema, self._build_database)
        return OpenedVersion(folder, schema, self._open_engine)

    def edition(self, dataset_id: str, number: int, edit: Edit) -> Edition:
        """See `Library.edition`."""
        place = dataset_id, number
        version = self.open(*place)
        return Edition(version, edit, lambda name, rows: self._editions.get(place, name, rows), version.numbered)

    def profile(self, dataset_id: str, number: int) -> Mapping[str, Any]:
        """See `Library.profile`. Raises VersionUnavailable."""
        version = self.open(dataset_id, number)
        return profile(version.all_rows(), version.schema)

    def sweep(self, known: Callable[[str, int], bool]) -> None:
        """See `Library.sweep`."""
        self._versions.sweep(known)
        self._editions.clear()

    def discard(self, dataset_id: str, number: int) -> None:
        """See `Library.discard`. The name is gone, durably, on return."""
        self._shelf.remove((dataset_id, number))
        self._editions.discard((dataset_id, number))
        self._versions.remove(dataset_id, number)

    def close(self) -> None:
        """See `Library.close`."""
        self._shelf.close()
        if not self._borrowed:
            self._converter.close()
        self._editions.clear()
