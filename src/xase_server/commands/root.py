"""The command line's root: which commands there are, and how every one ends."""

import json
import os
import sys
from typing import Annotated

import typer

from xase_server.commands.audit import audit
from xase_server.commands.backup import backup
from xase_server.commands.doctor import doctor
from xase_server.commands.exits import ExitCode, Stop, spelt
from xase_server.commands.keys import keys
from xase_server.commands.master_key import master_key
from xase_server.commands.migrate import migrate
from xase_server.commands.restore import restore
from xase_server.commands.serve import serve
from xase_server.commands.signing_key import signing_key
from xase_server.domain.errors import Refused
from xase_server.home import HomeProblem
from xase_server.ports import StorageUnavailable

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serve, migrate, audit, backup, restore, doctor):
    app.command()(command)
app.add_typer(keys, name="keys")
app.add_typer(signing_key, name="signing-key")
app.add_typer(master_key, name="master-key")


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        from importlib.metadata import version

        typer.echo(f"xase-server {version('xase')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """The Xase server and its operator's tools. Each option of a store can also be set as XASE_…."""


def run() -> None:
    """Run a command line; every expected failure is a message and a documented code, never a stack trace."""
    try:
        app()
    except Exception as error:
        if os.environ.get("XASE_DEBUG"):
            raise
        _end(_stop(error))


def _stop(error: Exception) -> Stop:
    match error:
        case Stop():
            return error
        case HomeProblem() | StorageUnavailable():
            return Stop(str(error), ExitCode.UNAVAILABLE)
        case OSError() if error.filename is not None:
            return Stop(f"{error.filename}: {error.strerror}", ExitCode.UNAVAILABLE)
        case Refused():
            by_slug = {"not_found": ExitCode.NOT_FOUND, "unavailable": ExitCode.UNAVAILABLE}
            code = by_slug.get(error.kind.slug, ExitCode.REFUSED)
            return Stop(spelt(error), code, slug=error.kind.slug, details=error.details)
        case _:
            said = f"unexpected {type(error).__name__}: {error} (XASE_DEBUG=1 shows where)"
            return Stop(said, ExitCode.UNEXPECTED)


def _end(stop: Stop) -> None:
    """Say on standard error what went wrong, as JSON when JSON was asked for, and end the process."""
    if "--json" in sys.argv:
        facts = {"message": stop.message, "exit_code": int(stop.code), **stop.facts}
        said = json.dumps({"error": facts}, ensure_ascii=False)
    else:
        said = f"xase-server: {stop.message}"
    sys.stderr.write(said + "\n")
    raise SystemExit(int(stop.code))
