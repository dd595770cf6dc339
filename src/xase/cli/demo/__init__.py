"""`xase demo`: the whole product on real data and a real model, in under two minutes."""

import shutil
import signal
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated

import typer

from xase.cli.exits import ExitCode, Stop

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the server running and the files where they are.")
    ] = False,
) -> None:
    """Share a real dataset under a policy, train on it, record decisions, verify the evidence, forge it.

    Starts a server of its own on a free port, in a temporary folder.
    """
    from importlib.util import find_spec

    if find_spec("sklearn") is None or find_spec("xase_server") is None:
        raise Stop('the demonstration needs more: pip install "xase[server,demo]"', ExitCode.USAGE)
    from xase.cli.demo.programme import perform

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends, its server ends too
    folder = Path(mkdtemp(prefix="xase-demo-"))
    try:
        perform(folder, keep=keep)
    finally:
        if not keep:
            shutil.rmtree(folder)
