"""The options that every command with a server takes, and the client they make."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xase.cli.exits import ExitCode, Stop
from xase.cli.inputs import read_secret

if TYPE_CHECKING:
    from xase import Client

BaseUrl = Annotated[
    str | None, typer.Option("--base-url", help="Address of the server.", envvar="XASE_BASE_URL", metavar="URL")
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="File that holds the API key; else XASE_API_KEY.", metavar="FILE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]

_RETRIES = 2  # somebody is waiting at the terminal


def connect(base_url: str | None, key_file: Path | None, *, spool: Path | None = None) -> "Client":
    """A client for the length of a `with` block. Raises Stop when there is no API key.

    The key never stands on the command line, where every user of the machine could read it.
    """
    key = read_secret(key_file) if key_file else os.environ.get("XASE_API_KEY")
    if not key:
        raise Stop("no API key: set XASE_API_KEY or give --key-file", ExitCode.NOT_ALLOWED)
    from xase import Client

    return Client(api_key=key, base_url=base_url, max_retries=_RETRIES, spool=spool)
