"""`xase-server restore`: put a backup in the place of the store, if the head kept outside allows it."""

import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from xase_server.commands.existing import log_keys
from xase_server.commands.exits import ExitCode, Stop
from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, note, say
from xase_server.commands.versions import copy_versions
from xase_server.home import Home
from xase_server.ledger.head import write_held
from xase_server.ledger.start import accept, find_objection
from xase_server.ports import Head
from xase_server.settings import Settings


@with_settings(*STORE)
def restore(
    source: Annotated[Path, typer.Argument(help="The folder that `backup` made.")],
    *,
    settings: Settings,
    accept_older_head: Annotated[
        bool,
        typer.Option("--accept-older-head", help="Restore although entries that were acknowledged are missing."),
    ] = False,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that was published or kept elsewhere: the copy must reach it; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of the database. Stop the servers first.

    Refused when the copy ends before a head that was signed, unless you accept it: what was
    acknowledged after the copy is missing from it. The log's epoch is raised, so that the cut is on
    record. The replaced database is kept beside the new one.
    """
    if settings.database:
        message = "restore PostgreSQL by its own tools, then start with `serve --accept-head` if the server objects"
        raise Stop(message, ExitCode.USAGE)
    copy, home = Home(source), Home(settings.home)
    if not copy.database.exists():
        raise Stop(f"{source} holds no backup: {copy.database.name} is not there", ExitCode.USAGE)
    home.prepare()
    _bring_keys(copy, home)
    arriving = Home(home.path / f".restore-{secrets.token_hex(4)}")
    arriving.path.mkdir(mode=0o700)
    try:
        heads = [home.head, *(checkpoint or ())]
        _bring_versions(copy, home)
        head, aside = _restore(copy, arriving, home, heads, accept_older_head=accept_older_head)
    finally:
        shutil.rmtree(arriving.path)
    if as_json:
        kept = str(aside) if aside.exists() else None
        emit({"log": head.log, "entries": head.size, "epoch": head.epoch, "replaced": kept})
        return
    say(f"{head.size} entries of {head.log} are restored, epoch {head.epoch}")
    if aside.exists():
        note(f"The replaced database is in {aside}")
    note("Run `xase-server audit` before you start the servers, and tell those who keep checkpoints")


def _restore(
    copy: Home, arriving: Home, home: Home, heads: list[Path], *, accept_older_head: bool
) -> tuple[Head, Path]:
    from xase_server.storage import open_storage
    from xase_server.storage.snapshot import copy_database, refuse_if_open, replace_database, settle

    if home.database.exists():
        refuse_if_open(home.database)
    copy_database(copy.database, arriving.database)
    storage = open_storage("", arriving.path, readers=1)
    try:
        verifiers = log_keys(home)
        for head_file in heads:
            objection = find_objection(storage, verifiers, head_file)
            if objection and not (objection.may_be_accepted and accept_older_head):
                way_out = "; --accept-older-head restores it all the same" if objection.may_be_accepted else ""
                raise Stop(f"refused. {objection.reason}{way_out}", ExitCode.REFUSED)
        accept(storage, None)
        head = storage.read(lambda reads: reads.head())
    finally:
        storage.close()
    settle(arriving.database)
    aside = home.path / f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    replace_database(arriving.database, home.database, aside)
    write_held(home.head, head.checkpoint)
    return head, aside


def _bring_versions(copy: Home, home: Home) -> None:
    """The dataset versions of the copy that the home does not have."""
    names = [folder.relative_to(copy.datasets) for folder in copy.datasets.glob("*/v*")]
    for _ in copy_versions(copy.datasets, home.datasets, names):
        pass


def _bring_keys(copy: Home, home: Home) -> None:
    """The keys of the home, else those of the copy."""
    if home.has_keys():
        return
    if not copy.has_keys():
        raise Stop(f"put the log's keys into {home.keys} first: neither it nor the backup has them", ExitCode.USAGE)
    for file in copy.keys.iterdir():
        shutil.copy2(file, home.keys / file.name)
