"""`xase-server master-key`: replace what the keys of transforms are derived from."""

import typer

from xase_server.commands.existing import resting_home
from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, say
from xase_server.settings import Settings

master_key = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="The secret behind hashes and tokens.")


@master_key.callback()
def _group() -> None:
    """The secret that the keys of transforms are derived from."""


@master_key.command()
@with_settings(*STORE, "master_key_file")
def rotate(*, settings: Settings, as_json: AsJson = False) -> None:
    """Replace the master key. Stop the servers first.

    Sessions that are open go on with the key that they began with, which stays beside the new one.
    """
    home = resting_home(settings)
    number = home.rotate_master_key(settings.master_key_file)
    if as_json:
        emit({"number": number})
    else:
        place = settings.master_key_file or home.keys / "master.key"
        say(f"sessions to come use master key {number}; copy {place} anew, and the ones before it beside it")
