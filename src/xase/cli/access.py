"""`xase access`: ask for access to a dataset."""

from typing import Annotated, Any

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.inputs import read_object
from xase.cli.output import emit, note, show_fields, waiting

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Access to datasets: the policy decides, and the verdict is in the ledger.",
)


@app.callback()
def access() -> None:
    """Access to datasets: the policy decides, and the verdict is in the ledger."""


@app.command()
def request(
    *,
    dataset: Annotated[str, typer.Option(help="The dataset, by name or id.")],
    purpose: Annotated[str, typer.Option(help="What the data is wanted for.")],
    duration: Annotated[str | None, typer.Option(help="For how long: 30d, 24h, 90m; else as the policy says.")] = None,
    model_id: Annotated[str | None, typer.Option(help="The model that it is for.")] = None,
    jurisdiction: Annotated[str | None, typer.Option(help="Where the data will be used: DE, EU.")] = None,
    metadata: Annotated[
        str | None, typer.Option(metavar="JSON", help="Anything else: a JSON object, @FILE, or - for standard input.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the people who must agree first.")] = False,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask for access. Allowed, it is a session; refused, it says what the policy misses (exit code 3)."""
    wish: dict[str, Any] = {
        "dataset": dataset,
        "purpose": purpose,
        "duration": duration,
        "model_id": model_id,
        "jurisdiction": jurisdiction,
        "metadata": None if metadata is None else read_object(metadata, "--metadata"),
    }
    with connect(base_url, key_file) as client, waiting("waiting for the verdict"):
        state = client.access(**wish, wait=wait).state.to_dict()
    if as_json:
        emit(state)
        return
    show_fields(state)
    note(f"\nIts data:\n  xase sessions stream {state['session_id']} --format ndjson")
