"""What lies in the folder of a version, and how its files become durable."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from xase_server.datasets.types import read
from xase_server.durable import sync
from xase_server.ports.datasets import Found, VersionUnavailable
from xase_server.query.schema import Schema

DATA: Final = "data.parquet"
"""The truth."""
FOUND: Final = "found.json"
"""What the ingest found."""
ROWS: Final = "rows.arrow"
IDS: Final = "ids.bin"
DATABASE: Final = "records.duckdb"
CODES: Final = "codes.bin"
VALUES: Final = "values.arrow"
CACHES: Final = (ROWS, IDS, CODES, VALUES, DATABASE)
"""What is built from the truth, and can be again."""
SIZES: Final = "caches.json"
"""How long each of CACHES is; written after them."""


def read_found(folder: Path) -> Found:
    """What the version's ingest found; raises VersionUnavailable when its files are not whole."""
    try:
        found = msgspec.json.decode((folder / FOUND).read_bytes(), type=Found)
        whole = (folder / DATA).stat().st_size == found.bytes
    except (OSError, msgspec.DecodeError):
        raise VersionUnavailable("the version's files are missing or damaged") from None
    if not whole:
        raise VersionUnavailable("the version's Parquet file was cut")
    return found


def read_schema(found: Found) -> Schema:
    """The columns of the version; raises VersionUnavailable for an unknown form."""
    try:
        return read(found.schema)
    except (KeyError, ValueError):
        raise VersionUnavailable("the version's schema cannot be read") from None


def caches_whole(folder: Path) -> bool:
    """Whether everything beside the truth is there, as long as it was when it was built."""
    try:
        sizes = msgspec.json.decode((folder / SIZES).read_bytes(), type=dict[str, int])
        return all((folder / name).stat().st_size == sizes.get(name) for name in CACHES)
    except (OSError, msgspec.DecodeError):
        return False


def note_sizes(folder: Path) -> None:
    """Say that everything beside the truth is built; durable on return."""
    write_json(folder / SIZES, {name: (folder / name).stat().st_size for name in CACHES})


def write_json(path: Path, value: Any) -> None:
    """Write a small file, durable under this name on return."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(msgspec.json.encode(value))
    sync(fresh)
    fresh.replace(path)
    sync(path.parent)


def sync_all(folder: Path, names: Iterable[str]) -> None:
    """Make these files and their names durable."""
    for name in names:
        sync(folder / name)
    sync(folder)
