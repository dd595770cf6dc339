"""`xase sync`: deliver what waits in a local spool."""

from pathlib import Path
from typing import Annotated

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.exits import ExitCode, Stop
from xase.cli.output import emit, note, show_table, waiting

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def sync(
    *,
    spool: Annotated[
        Path | None, typer.Option(help="The spool file; else the usual one for this server.", envvar="XASE_SPOOL")
    ] = None,
    resubmit: Annotated[list[str] | None, typer.Option(metavar="ID", help="Deliver one set aside after all.")] = None,
    discard: Annotated[list[str] | None, typer.Option(metavar="ID", help="Throw one set aside away for good.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Deliver the decisions that `records.capture` took in, now.

    What the server refuses is set aside and listed: it stays until it is resubmitted or discarded.
    Exit code 8 says that something is set aside.
    """
    with connect(base_url, key_file, spool=spool) as client, waiting("delivering"):
        delivered = client.records.sync()
        unknown = [each for each in discard or () if not client.records.discard(each)]
        unknown += [each for each in resubmit or () if not client.records.resubmit(each)]
        if unknown:
            raise Stop(f"not set aside here: {', '.join(unknown)}", ExitCode.NOT_FOUND)
        still_waiting = client.records.flush() if resubmit else 0
        aside = client.records.rejected()
        delivered += len(set(resubmit or ()) - {each.id for each in aside}) - still_waiting
        left = client.records.spool
    if as_json:
        rows = [
            {"id": e.id, "captured_at": e.captured_at, "status": e.status, "slug": e.slug, "error": e.error}
            for e in aside
        ]
        emit({"delivered": delivered, "waiting": left.waiting, "foreign": left.foreign, "set_aside": rows})
    else:
        note(f"{delivered} delivered, {left.waiting} waiting, {len(aside)} set aside")
        if aside:
            show_table(("id", "captured", "why", ""), [(e.id, e.captured_at, e.slug, e.error) for e in aside])
    if aside:
        raise typer.Exit(ExitCode.REFUSED)
