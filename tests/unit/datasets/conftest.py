"""Versions made in this process: what the converting process does, without its start."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.files import Content, write
from xase_server.datasets import Bounds, Converter, LocalLibrary, caches
from xase_server.datasets.folder import read_schema
from xase_server.datasets.ingest.job import Job, run
from xase_server.datasets.opened import OpenedVersion
from xase_server.engines.duckdb.files import build_database, open_engine
from xase_server.ports.datasets import Found, Ingest


@dataclass(frozen=True)
class Made:
    """A version and what was found."""

    folder: Path
    found: Found

    @property
    def types(self) -> dict[str, Any]:
        """The type of each column but the id, written short."""
        return {column["name"]: short(column) for column in self.found.schema[1:]}

    @property
    def version(self) -> OpenedVersion:
        if not (self.folder / "records.duckdb").exists():
            caches.build_database(self.folder, read_schema(self.found), build_database)
        return OpenedVersion(self.folder, read_schema(self.found), open_engine)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Every row without its id and its nulls."""
        return [_bare(row) for row in self.whole]

    def row(self, number: int) -> dict[str, Any]:
        """One of the rows; a number below zero counts from the end."""
        version = self.version
        place = range(version.rows)[number]
        return _bare(version.slice(place, place + 1).to_pylist()[0])

    @cached_property
    def whole(self) -> list[dict[str, Any]]:
        version = self.version
        return version.slice(0, version.rows).to_pylist()

    @property
    def ids(self) -> list[str]:
        return [row["record_id"] for row in self.whole]


def short(column: dict[str, Any]) -> Any:
    if column["type"] == "list":
        return [short(column["element"])]
    if column["type"] == "struct":
        return {member["name"]: short(member) for member in column["members"]}
    return column["type"]


def _bare(row: dict[str, Any]) -> Any:
    return present({name: value for name, value in row.items() if name != "record_id"})


def present(value: Any) -> Any:
    """A value without null members: null and missing are one."""
    if isinstance(value, dict):
        return {name: present(each) for name, each in value.items() if each is not None}
    return [present(each) for each in value] if isinstance(value, list) else value


Make = Callable[..., Made]
WIDE = Bounds()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a version of some content; `name` gives the format of a table, `base` another Made."""
    numbers = count()

    def made(
        content: Content,
        name: str = "data.ndjson",
        *,
        bounds: Bounds = WIDE,
        base: Made | None = None,
        **options: Any,
    ) -> Made:
        place = tmp_path / f"{next(numbers)}"
        folder = place / "version"
        folder.mkdir(parents=True)
        source = content if isinstance(content, Path) else write(place / name, content)
        job = Job(
            source=str(source),
            folder=str(folder),
            dataset_id=options.get("dataset_id", "ds_test"),
            format=options.get("format"),
            id_field=options.get("id_field"),
            base=str(base.folder) if base else None,
            bounds=bounds,
            scrub=options.get("scrub", {}),
        )
        return Made(folder, run(job, lambda rows, size: None))

    return made


@pytest.fixture
def open_library(tmp_path: Path, converter: Converter) -> Iterator[Callable[..., LocalLibrary]]:
    """Opens libraries of the versions in one folder, with `data` for the one root."""
    (tmp_path / "sources").mkdir()
    opened = []

    def open_(bounds: Bounds = WIDE) -> LocalLibrary:
        roots, engine = {"data": tmp_path / "sources"}, {"open_engine": open_engine, "build_database": build_database}
        opened.append(LocalLibrary(tmp_path / "datasets", roots, bounds, **engine, converter=converter))
        return opened[-1]

    yield open_
    for library in opened:
        library.close()


@pytest.fixture
def library(open_library: Callable[..., LocalLibrary]) -> LocalLibrary:
    """A library with one root, `data`."""
    return open_library()


@pytest.fixture
def ingest(library: LocalLibrary, tmp_path: Path) -> Callable[..., Found]:
    """Register content through the library, in a process of its own."""

    def ingested(content: Content, name: str = "data.ndjson", number: int = 1, **options: Any) -> Found:
        source = content if isinstance(content, Path) else write(tmp_path / "sources" / name, content)
        wish = Ingest(dataset_id="ds_test", number=number, source=source, **options)
        return library.ingest(wish, lambda progress: None, lambda: False)

    return ingested
