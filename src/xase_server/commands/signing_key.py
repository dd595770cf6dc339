"""`xase-server signing-key`: the keys that sign checkpoints and bundles."""

from typing import Annotated

import typer

from xase_server.commands.exits import ExitCode, Stop
from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, note
from xase_server.home import Home
from xase_server.settings import Settings

signing_key = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="The keys that sign the log and bundles.")


@signing_key.command()
@with_settings(*STORE)
def rotate(
    use: Annotated[str, typer.Argument(metavar="log|document", help="Which key: of checkpoints, or of bundles.")],
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """Replace a signing key. Stop the server first; the log names the new key under the old one's signature.

    Old evidence goes on verifying: the old public key stays listed at /.well-known/xase-signing-keys.json.
    """
    if use not in {"log", "document"}:
        raise Stop("say which key: log or document", ExitCode.USAGE)
    if not Home(settings.home).has_keys():
        raise Stop(f"there is no server home in {settings.home}: `serve` makes one", ExitCode.USAGE)
    from xase_server.rotation import rotate_signing_key

    identifier = rotate_signing_key(settings, "log" if use == "log" else "document")
    if as_json:
        emit({"use": use, "key_id": identifier})
    else:
        note(f"the {use} key is now {identifier}; hand out the new xase-signing-keys.json")


@signing_key.callback()
def _noun() -> None:
    """Keep `rotate` a word of its own though it is the only command."""
