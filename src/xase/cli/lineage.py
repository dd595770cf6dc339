"""`xase lineage`: what came from what."""

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.output import emit, note, show_table

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What came from what, as the ledger has it: follow a decision, a model or a dataset.",
)

_COLUMNS: Final = ("later", "relation", "earlier")


class Form(StrEnum):
    """How a graph is written."""

    GRAPH = "graph"
    PROV = "prov"


Written = Annotated[
    Form, typer.Option("--format", help="graph, or prov: W3C PROV as JSON-LD. The latter is always JSON.")
]


@app.command()
def record(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The decision record's id, or how it begins: rec_…")],
    *,
    form: Written = Form.GRAPH,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what a decision came from: its model, and the data behind that."""
    with connect(base_url, key_file) as client:
        _show(client.lineage.of_decision(identifier, format=form.value).to_dict(), form, as_json=as_json)


@app.command()
def model(
    identifier: Annotated[str, typer.Argument(metavar="MODEL", help="The model's id.")],
    *,
    form: Written = Form.GRAPH,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what a model was made of, and the newest decisions that it made."""
    with connect(base_url, key_file) as client:
        _show(client.lineage.of_model(identifier, format=form.value).to_dict(), form, as_json=as_json)


@app.command()
def dataset(
    name: Annotated[str, typer.Argument(metavar="DATASET", help="The dataset's id or name; one of your own.")],
    *,
    record_id: Annotated[
        str | None, typer.Option("--record", metavar="ID", help="Only where this record went.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Only where this person's records went.")] = None,
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="Only where the records went of who withdrew.")
    ] = False,
    form: Written = Form.GRAPH,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show where a dataset went: to which sessions, models and decisions."""
    which: dict[str, Any] = {"record_id": record_id, "subject": subject, "withdrawn": withdrawn or None}
    with connect(base_url, key_file) as client:
        _show(client.lineage.of_dataset(name, **which, format=form.value).to_dict(), form, as_json=as_json)


def _show(graph: dict[str, Any], form: Form, *, as_json: bool) -> None:
    if as_json or form is Form.PROV:
        emit(graph)
        return
    show_table(_COLUMNS, [(edge["from"], edge["relation"], edge["to"]) for edge in graph["edges"]])
    if graph["truncated"]:
        note("there is more than one answer shows")
