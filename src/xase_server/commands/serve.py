"""`xase-server serve`: the server, until it is told to stop."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xase_server.commands import lasting
from xase_server.commands.options import with_settings
from xase_server.commands.output import note
from xase_server.home import Home
from xase_server.settings import Settings

if TYPE_CHECKING:
    from xase_server.app import Server


@with_settings()
def serve(
    *,
    settings: Settings,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write the address into this file when the server is ready.")
    ] = None,
    accept_head: Annotated[
        bool,
        typer.Option("--accept-head", help="Decide: the database is right, the head held outside it is not."),
    ] = False,
    accept_clock: Annotated[
        bool, typer.Option("--accept-clock", help="Decide: the clock was set back on purpose.")
    ] = False,
) -> None:
    """Run the server.

    The first start makes the signing keys and an admin key in the home folder and says where. One
    line on standard output, `Listening on http://…`, says that the server is ready. SIGTERM and
    Ctrl-C stop it: requests that wait for their commit are answered first.
    """
    with lasting():
        from xase_server.commands import listening

    listening.end_quietly_on_signals()
    # the port is taken first: when it is in use, nothing has been made in the home folder
    with listening.listen(settings.host, settings.port) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        app = _make(settings, accept_head=accept_head, accept_clock=accept_clock)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        listening.run(
            app,
            listener,
            f"http://{host}:{settings.port}",
            ready_file,
            log_format=settings.log_format,
            log_requests=settings.log_requests,
        )


def _make(settings: Settings, *, accept_head: bool, accept_clock: bool) -> "Server":
    with lasting():
        from xase_server.app import create_app

    home = Home(settings.home)
    is_first = not home.has_keys()
    app = create_app(settings, accept_head=accept_head, accept_clock=accept_clock)
    if is_first:
        note(f"First start: signing keys in {home.keys}, the admin key in {home.admin_key}")
    if problem := app.core.ledger.problem:
        note(f"Nothing is appended, reading goes on. {problem}; see `xase-server doctor`")
    return app
