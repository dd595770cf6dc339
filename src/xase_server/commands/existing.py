"""What is there already, opened and read without making anything: a store, and the public keys of its log."""

from collections.abc import Sequence
from pathlib import Path

from xase.proof.checkpoint import NoteVerifier
from xase.proof.keys import KeyMaterialError
from xase.proof.trust import read_trust
from xase_server.commands.exits import ExitCode, Stop
from xase_server.home import Home
from xase_server.ports import Storage, StorageUnavailable
from xase_server.settings import Settings


def resting_home(settings: Settings) -> Home:
    """A home that no server uses now. Raises Stop where there is none, StorageUnavailable while one does."""
    home = Home(settings.home)
    if not home.has_keys():
        raise Stop(f"there is no server home in {settings.home}: `serve` makes one", ExitCode.USAGE)
    from xase_server.storage.snapshot import refuse_if_open

    if not settings.database:
        refuse_if_open(home.database)
    return home


def open_existing(settings: Settings) -> Storage:
    """The store as it is, neither made nor migrated. Raises StorageUnavailable."""
    from xase_server.storage import migrations, open_storage

    home = Home(settings.home)
    if not settings.database and not home.database.exists():
        raise StorageUnavailable(f"there is no database in {home.path}")
    if not migrations.is_latest(settings.database or home.database):
        raise StorageUnavailable("the database has the schema of another version: `xase-server migrate`")
    return open_storage(settings.database, home.path, readers=1)


def log_keys(home: Home, given: Sequence[Path] = ()) -> Sequence[NoteVerifier]:
    """The public log keys, past ones included, in the given files, else in the home. Raises Stop."""
    files = given or [home.keys / "ring.json"]
    try:
        keys = read_trust([file.read_text() for file in files]).log_keys
    except (OSError, UnicodeDecodeError, KeyMaterialError) as error:
        raise Stop(f"cannot read the public keys of the log: {error}", ExitCode.USAGE) from error
    if not keys:
        raise Stop(f"there is no log key in {', '.join(map(str, files))}", ExitCode.USAGE)
    return keys
