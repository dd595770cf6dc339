"""The `xase` command: one file per noun, each imported when it is called.

Answers go to standard output, as a table for people or with `--json` as one JSON document for
programs. Everything else (progress, notes, errors) goes to standard error. Exit codes: `exits`.
"""


def main() -> None:
    """Run the command line; ends the process with one of the codes of `xase.cli.exits`."""
    import sys

    if sys.argv[1:2] == ["verify"]:
        from xase.cli.judge import run_plain

        run_plain(sys.argv[2:])
    from xase.cli.root import run

    run()
