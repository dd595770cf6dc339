"""`xase-server signing-key`: replace the keys that sign checkpoints and bundles."""

from enum import StrEnum
from typing import Annotated

import typer

from xase_server.commands.existing import resting_home
from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, say
from xase_server.settings import Settings

signing_key = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="The keys that sign.")


class Signing(StrEnum):
    """What a key signs."""

    LOG = "log"
    DOCUMENT = "document"


@signing_key.callback()
def _group() -> None:
    """The keys that sign checkpoints (log) and bundles (document)."""


@signing_key.command()
@with_settings(*STORE)
def rotate(
    use: Annotated[Signing, typer.Argument(help="Which key: log signs checkpoints, document signs bundles.")],
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """Replace a signing key. Stop the servers first.

    The log itself names the new key under the old one. A rotation that was interrupted is finished
    by running it again.
    """
    home = resting_home(settings)
    from xase_server.rotation import rotate_signing_key

    fresh = rotate_signing_key(settings, use.value)
    if as_json:
        emit({"use": use.value, "key_id": fresh})
    else:
        say(f"the {use.value} key is {fresh} now; {home.keys} has changed: copy it anew")
