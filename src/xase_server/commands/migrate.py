"""`xase-server migrate`: bring the database to this version's schema."""

from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, say
from xase_server.home import Home
from xase_server.settings import Settings


@with_settings(*STORE)
def migrate(*, settings: Settings, as_json: AsJson = False) -> None:
    """Bring the database to this version's schema; does nothing when it is there.

    `serve` does the same at its start. Use this command where the account that serves may not
    change the schema.
    """
    from xase_server.storage import migrations

    home = Home(settings.home)
    home.prepare()
    place = settings.database or home.database
    was_latest = migrations.is_latest(place)
    migrations.migrate(place)
    if as_json:
        emit({"version": migrations.LATEST, "migrated": not was_latest})
    else:
        done = "was there already" if was_latest else "is there now"
        say(f"schema version {migrations.LATEST} {done}")
