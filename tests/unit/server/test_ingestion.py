"""What becomes of data when the ledger is away, a dataset is archived, or the server stops, in the middle of it."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from xase_server.app import Server, create_app
from xase_server.domain.datasets import DatasetChange, NewDataset, NewVersion
from xase_server.domain.entries import Unit
from xase_server.domain.errors import Refused, unavailable
from xase_server.domain.principals import Principal
from xase_server.ports import Found, Ingest, IngestProblem, Progress
from xase_server.services import ingestion
from xase_server.settings import Settings

HOLDER = Principal("org_a", "key_0", "holder@a.example", "data_holder", frozenset())
FOUND = Found(rows=3, bytes=10, digest="sha256:" + "0" * 64, schema=({"name": "record_id", "type": "string"},))


class HeldLibrary:
    """A library whose ingest goes on only when the test lets it; behind the seam that `ports.Library` is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.outcome: Callable[[], Found] = lambda: FOUND
        self.discarded: list[tuple[str, int]] = []

    def resolve(self, source: str) -> Path:
        return self._folder / source

    def incoming(self) -> Path:
        return self._folder / "incoming"

    def ingest(self, wish: Ingest, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Found:
        progress(Progress(1, 2, 3))
        self.begun.set()
        while not self.go_on.wait(0.01):
            if cancelled():
                raise IngestProblem("cancelled")
        return self.outcome()

    def open(self, dataset_id: str, number: int) -> Any:
        raise NotImplementedError

    def profile(self, dataset_id: str, number: int) -> Mapping[str, Any]:
        raise NotImplementedError

    def sweep(self, known: Callable[[str, int], bool]) -> None:
        pass

    def discard(self, dataset_id: str, number: int) -> None:
        self.discarded.append((dataset_id, number))

    def close(self) -> None:
        pass


@pytest.fixture
def library(tmp_path):
    return HeldLibrary(tmp_path)


@pytest.fixture
async def server(tmp_path, library, monkeypatch):
    monkeypatch.setattr("xase_server.services.datasets._READING_SECONDS", 0.01)
    monkeypatch.setattr("xase_server.services.datasets._REGISTERING_SECONDS", 0.01)
    made = create_app(Settings(home=tmp_path / "home"), library=library)
    yield made
    library.go_on.set()
    await made.close()


async def reading(server: Server, library: HeldLibrary) -> str:
    """A dataset of which data is being read."""
    made = await server.services.datasets.register(HOLDER, NewDataset(name="d", source="f"), None)
    await asyncio.to_thread(library.begun.wait, 10)
    return str(made.body["dataset_id"])


async def settled(server: Server, identifier: str) -> dict[str, Any]:
    while True:
        view = await server.services.datasets.get(HOLDER, identifier)
        if "progress" not in view:
            return view
        await asyncio.sleep(0)


async def test_progress_is_shown_while_data_is_read(server, library):
    identifier = await reading(server, library)
    view = await server.services.datasets.get(HOLDER, identifier)
    assert (view["status"], view["progress"]) == ("PROCESSING", {"rows": 1, "bytes": 2, "total_bytes": 3})
    library.go_on.set()
    assert (await settled(server, identifier))["status"] == "READY"


async def test_a_second_version_waits_for_the_first_to_end(server, library):
    identifier = await reading(server, library)
    with pytest.raises(Refused, match="still being read"):
        await server.services.datasets.add_version(HOLDER, identifier, NewVersion(source="f", mode="append"), None)


async def test_a_dataset_archived_meanwhile_gets_no_version(server, library):
    identifier = await reading(server, library)
    await server.services.datasets.archive(HOLDER, identifier, None)
    library.go_on.set()
    view = await settled(server, identifier)
    assert (view["status"], view["version"]) == ("ARCHIVED", 0)
    assert library.discarded == [(identifier, 1)]


async def test_a_change_meanwhile_is_kept(server, library):
    identifier = await reading(server, library)
    await server.services.datasets.change(HOLDER, identifier, DatasetChange(description="new"), None)
    library.go_on.set()
    view = await settled(server, identifier)
    assert (view["status"], view["version"], view["description"]) == ("READY", 1, "new")


async def test_a_version_is_recorded_once_the_ledger_is_back(server, library, monkeypatch):
    identifier = await reading(server, library)
    monkeypatch.setattr(ingestion, "_PAUSE", 0.0)
    ledger, attempts = server.core.ledger, []
    append = ledger.append

    async def away(unit: Unit) -> Any:
        attempts.append(unit)
        if len(attempts) < 4:
            raise unavailable("away")
        return await append(unit)

    monkeypatch.setattr(ledger, "append", away)
    library.go_on.set()
    assert (await settled(server, identifier))["version"] == 1
    assert len(attempts) == 4


async def test_a_defect_is_told_without_what_it_says(server, library):
    identifier = await reading(server, library)

    def fail() -> Found:
        raise RuntimeError("SECRET-VALUE")

    library.outcome = fail
    library.go_on.set()
    view = await settled(server, identifier)
    assert view["status"] == "FAILED"
    assert "SECRET" not in view["failure"]
    assert library.discarded == [(identifier, 1)]


async def test_a_server_that_stops_says_so_at_its_next_start(tmp_path, library, monkeypatch):
    monkeypatch.setattr("xase_server.services.datasets._REGISTERING_SECONDS", 0.01)
    first = create_app(Settings(home=tmp_path / "home"), library=library)
    identifier = await reading(first, library)
    await first.close()
    again = create_app(Settings(home=tmp_path / "home"), library=library)
    await again.start()
    view = await again.services.datasets.get(HOLDER, identifier)
    assert (view["status"], view["failure"]) == ("FAILED", "interrupted; send the data again")
    await again.close()
