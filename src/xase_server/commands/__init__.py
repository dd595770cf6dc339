"""The `xase-server` command: one file per command.

Answers go to standard output, as a table for people or with `--json` as one JSON document for
programs; notes, progress and errors go to standard error. Exit codes: `exits`.
"""


def main() -> None:
    """Run the command line; ends the process with one of the codes of `xase_server.commands.exits`."""
    from xase_server.commands.root import run

    run()
