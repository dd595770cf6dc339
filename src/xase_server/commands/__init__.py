"""The `xase-server` command: one file per command.

Answers go to standard output, as a table for people or with `--json` as one JSON document for
programs; notes, progress and errors go to standard error. Exit codes: `exits`.
"""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def main() -> None:
    """Run the command line; ends the process with one of the codes of `xase_server.commands.exits`."""
    atexit.register(_let_go)
    with lasting():
        from xase_server.commands.root import run
    run()


def _let_go() -> None:
    """Walking through everything a last time takes a quarter of a second: only the query engine needs it.

    It counts instances that are never collected as leaked, and says so on stderr.
    """
    if "duckdb" in sys.modules:
        gc.unfreeze()


@contextmanager
def lasting() -> Iterator[None]:
    """What the block makes stays to the end: the garbage collector does not walk through it, neither now nor later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
