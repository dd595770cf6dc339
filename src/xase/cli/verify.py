"""`xase verify`: judge an evidence bundle, offline."""

from pathlib import Path
from typing import Annotated

import typer

from xase.cli.connection import AsJson
from xase.cli.judge import Question, answer

app = typer.Typer(rich_markup_mode=None, add_completion=False)

Bundle = Annotated[Path, typer.Argument(help="The bundle, a zip file.", show_default=False)]
Keys = Annotated[
    list[Path],
    typer.Option(
        "--key",
        help="Public keys you trust: the JSON of /.well-known/xase-signing-keys.json, a PEM document key, or verifier "
        "lines (name+id+key) of logs and witnesses. May be given several times.",
        show_default=False,
    ),
]
Quorum = Annotated[
    int | None,
    typer.Option(min=0, help="How many witnesses must have cosigned; all that are given, if not said."),
]


@app.command()
def verify(bundle: Bundle, *, key: Keys = [], quorum: Quorum = None, as_json: AsJson = False) -> None:  # noqa: B006 - typer's way to say "none"
    """Check an evidence bundle by keys that you trust, offline.

    Exit codes: 0 verified, 6 verification failed, 7 could not be judged (unreadable, or no trusted key).
    """
    raise typer.Exit(answer(Question(bundle, key, quorum, as_json)))
