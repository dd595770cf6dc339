"""`xase-server serve`: the server, until it is told to stop."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from xase_server.commands.options import with_settings
from xase_server.home import Home
from xase_server.settings import Settings


@with_settings()
def serve(
    *,
    settings: Settings,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write the address into this file when the server is ready.", dir_okay=False)
    ] = None,
) -> None:
    """Run the server.

    The first start makes the signing keys and an admin key in the home folder and says where. One
    line on standard output, `Listening on http://…`, says that the server is ready. SIGTERM and
    Ctrl-C stop it: requests that wait for their commit are answered first.
    """
    from xase_server.commands import listening

    listening.end_quietly_on_signals()
    # the port is taken first: when it is in use, nothing has been made in the home folder
    listener = listening.listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    home = Home(settings.home)
    is_first = not home.has_keys()
    from xase_server.app import create_app

    app = create_app(settings.model_copy(update={"port": port}))
    if is_first:
        sys.stderr.write(f"First start: signing keys in {home.keys}, the admin key in {home.admin_key}\n")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    listening.run(app, listener, f"http://{host}:{port}", ready_file)
