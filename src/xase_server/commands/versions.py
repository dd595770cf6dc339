"""Dataset versions in backups: their Parquet files, which never change, and what was found in them.

What a version's other files hold is built again from these when it is first opened.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from xase_server.domain.datasets import VERSION
from xase_server.domain.objects import ObjectQuery
from xase_server.durable import sync
from xase_server.ports import Storage
from xase_server.services.documents import version_of
from xase_server.services.visibility import every_object

KEPT: Final = ("data.parquet", "found.json")


def known_versions(storage: Storage) -> list[Path]:
    """Where every version that the store knows of lies, below a home's `datasets`."""
    rows = storage.read(lambda reads: list(every_object(reads, ObjectQuery(kind=VERSION))))
    return [Path(version.dataset_id) / f"v{version.number}" for version in map(version_of, rows)]


def copy_versions(source: Path, destination: Path, names: Iterable[Path]) -> Iterator[Path]:
    """Bring versions from one `datasets` folder to another, durable one by one; gives those that were not there.

    Versions that the destination has stay as they are. Files are linked where that is possible.
    """
    for name in names:
        if (destination / name).exists():
            continue
        if not all((source / name / file).exists() for file in KEPT):
            yield name
            continue
        _copy(source / name, destination / name)


def _copy(version: Path, to: Path) -> None:
    partial = to.with_name(f".{to.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    for file in KEPT:
        _bring(version / file, partial / file)
    sync(partial)
    partial.rename(to)
    sync(to.parent)


def _bring(file: Path, to: Path) -> None:
    try:
        os.link(file, to)
    except OSError:  # another file system
        shutil.copy2(file, to)
        sync(to)
