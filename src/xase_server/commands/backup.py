"""`xase-server backup`: a consistent copy of the store, taken while servers run."""

import secrets
import shutil
from pathlib import Path
from typing import Annotated

import typer

from xase_server.commands.exits import ExitCode, Stop
from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, note, say
from xase_server.commands.versions import copy_versions, known_versions
from xase_server.durable import sync
from xase_server.home import Home
from xase_server.ledger.head import write_held
from xase_server.ports import Head
from xase_server.settings import Settings


@with_settings(*STORE)
def backup(
    destination: Annotated[Path, typer.Argument(help="The new folder to make.")],
    *,
    settings: Settings,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Copy the signing keys too: whoever has both can sign a new past.")
    ] = False,
    datasets: Annotated[
        bool, typer.Option(help="Copy the dataset versions, too; linked where that is possible.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Copy the database, the head and the dataset versions into a new folder, whole or not at all.

    The copy is of one moment, and servers go on meanwhile. The folder is laid out like a home, so
    that `audit --home DESTINATION` checks it. The keys stay behind unless asked for.
    """
    if settings.database:
        message = "PostgreSQL is copied by its own tools (pg_basebackup, pg_dump); copy the home folder's keys yourself"
        raise Stop(message, ExitCode.USAGE)
    if destination.exists():
        raise Stop(f"{destination} exists already", ExitCode.USAGE)
    home = Home(settings.home)
    if not home.database.exists():
        raise Stop(f"there is no database in {home.path}", ExitCode.USAGE)
    head, missing = _copy_whole(home, destination, with_keys=with_keys, datasets=datasets)
    if as_json:
        view = {"destination": str(destination), "log": head.log, "entries": head.size, "with_keys": with_keys}
        emit({**view, "datasets": datasets, "missing_versions": [str(name) for name in missing]})
        return
    say(f"{head.size} entries of {head.log} are in {destination}")
    for name in missing:
        note(f"The dataset version {name} is not in {home.datasets}, and so not in the copy")
    if not with_keys:
        note(f"The keys are not: copy {home.keys} to another place, once")


def _copy_whole(home: Home, destination: Path, *, with_keys: bool, datasets: bool) -> tuple[Head, list[Path]]:
    """Build the copy under another name and give it its own when it is complete."""
    partial = Home(destination.with_name(f".{destination.name}.{secrets.token_hex(4)}"))
    try:
        partial.path.mkdir(mode=0o700)
    except OSError as error:
        raise Stop(f"cannot write {destination}: {error.strerror}", ExitCode.UNAVAILABLE) from error
    try:
        head, versions = _copy(home, partial, with_keys=with_keys)
        missing = list(copy_versions(home.datasets, partial.datasets, versions)) if datasets else []
        partial.path.rename(destination)
    except BaseException:
        shutil.rmtree(partial.path)
        raise
    sync(destination.parent)
    return head, missing


def _copy(home: Home, copy: Home, *, with_keys: bool) -> tuple[Head, list[Path]]:
    from xase_server.storage import open_storage
    from xase_server.storage.snapshot import copy_database, settle

    copy_database(home.database, copy.database)
    storage = open_storage("", copy.path, readers=1)
    try:
        head, versions = storage.read(lambda reads: reads.head()), known_versions(storage)
    finally:
        storage.close()
    settle(copy.database)
    for lock in copy.path.glob(f"{copy.database.name}-*"):
        lock.unlink()
    if head.checkpoint:
        write_held(copy.head, head.checkpoint)
    if with_keys:
        shutil.copytree(home.keys, copy.keys)
        for file in copy.keys.iterdir():
            sync(file)
        sync(copy.keys)
    sync(copy.path)
    return head, versions
