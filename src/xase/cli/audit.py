"""`xase audit`: who did what."""

from itertools import islice
from typing import Annotated, Any

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.listing import MOST_ON_A_PAGE
from xase.cli.output import emit_line, show_table

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def audit(
    *,
    entry_type: Annotated[str | None, typer.Option("--type", help="Only entries of this type.")] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="Only what this entry is, or speaks of.")
    ] = None,
    actor: Annotated[str | None, typer.Option(metavar="KEY", help="Only what this key of yours did.")] = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="From this date or time on.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Up to this time, or with this day.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most. By default 20, all with --json.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the organisation's own entries of the ledger, newest first; with --json one a line, as they come."""
    most = limit if as_json else limit or 20
    page = min(most or MOST_ON_A_PAGE, MOST_ON_A_PAGE)
    wanted = {"type": entry_type, "object": object_id, "actor": actor, "start_date": start_date, "end_date": end_date}
    with connect(base_url, key_file) as client:
        found = (each.to_dict() for each in islice(client.audit.entries(**wanted, limit=page), most))
        if not as_json:
            show_table(("id", "time", "type", "by", "what"), map(_row, found))
            return
        for each in found:
            emit_line(each)


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    actor = entry["actor"]
    return entry["id"], entry["time"], entry["type"], actor.get("key") or actor["organisation"], _what(entry["body"])


def _what(body: dict[str, Any]) -> str:
    """Which objects an entry speaks of, and of how much."""
    named = [str(value) for name, value in body.items() if name.endswith("_id") and value]
    counted = [f"{value} {name.removesuffix('_count')}s" for name, value in body.items() if name.endswith("_count")]
    return ", ".join([*named, *counted])
