"""The command line's root: which nouns there are, and how every command ends."""

# mypy: disable-error-code="explicit-override"
# `typing.override` begins with Python 3.12; `Nouns` overrides all it defines.

import json
import os
import sys
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from xase.cli.exits import ExitCode, Stop
from xase.cli.values import HELP, lighten

NOUNS: Final = {
    "records": "decision records: create, get, list, intervene, erase",
    "datasets": "datasets: add, list, get, schema, profile, update, anonymize, risk, budget, withdraw, archive",
    "policies": "policies: add, list, get, versions, simulate, impact, guardrails",
    "access": "access to datasets: request",
    "approvals": "requests that wait for people: list, approve, deny",
    "sessions": "access sessions: list, get, stream, filter, aggregate, events, close, revoke",
    "evidence": "evidence: export bundles, show one entry with its proof",
    "usage": "what sessions and models used, summed up",
    "audit": "who did what: the organisation's own entries",
    "lineage": "what came from what: follow a record, a model or a dataset",
    "webhooks": "messages to a URL of yours: create, list, update, test, deliveries, replay, rotate-secret, delete",
    "verify": "check an evidence bundle, offline",
    "sync": "deliver decisions that wait in a local spool",
    "keys": "API keys: create, list, revoke, rotate",
    "whoami": "whose key this is, and what it may do",
    "demo": "see all of it on a real model, in under a minute",
}


class Nouns(TyperGroup):
    """Commands whose modules are imported only when they are called, so that each starts fast."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's signature
        """The nouns, in the order of the help."""
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the framework's signature
        """The command of a noun, imported now; None when there is no such noun."""
        if cmd_name not in NOUNS:
            return None
        module = import_module(f"xase.cli.{cmd_name}")
        command = lighten(typer.main.get_command(module.app))
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the framework's signature
        """The nouns in the help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))


app = typer.Typer(
    cls=Nouns,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": HELP},
    epilog="Server and key: XASE_BASE_URL and XASE_API_KEY, or --base-url and --key-file on each command.",
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        from importlib.metadata import version

        typer.echo(f"xase {version('xase')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Decision records, and evidence that anyone can check offline."""


def run() -> None:
    """Run a command line; every expected failure is a message and a documented code, never a stack trace."""
    try:
        lighten(typer.main.get_command(app))()
    except Stop as stop:
        end(stop)
    except Exception as error:
        if os.environ.get("XASE_DEBUG"):
            raise
        end(_stop(error))


def _stop(error: Exception) -> Stop:
    from xase.cli.exits import stop_of
    from xase.errors import XaseError

    if isinstance(error, XaseError):
        return stop_of(error)
    if isinstance(error, OSError) and error.filename is not None:
        return Stop(f"{error.filename}: {error.strerror}", ExitCode.USAGE)
    return Stop(f"unexpected {type(error).__name__}: {error} (XASE_DEBUG=1 shows where)", ExitCode.UNEXPECTED)


def end(stop: Stop) -> None:
    """Say on standard error what went wrong, as JSON when JSON was asked for, and end the process."""
    if "--json" in sys.argv:
        said = json.dumps(
            {"error": {"message": stop.message, "exit_code": int(stop.code), **stop.facts}}, ensure_ascii=False
        )
    else:
        said = f"xase: {stop.message}"
    sys.stderr.write(said + "\n")
    raise SystemExit(int(stop.code))
