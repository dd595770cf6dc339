"""`xase sessions`: access sessions, their data, their story and their end."""

from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.exits import ExitCode, Stop
from xase.cli.inputs import read_list, read_object
from xase.cli.listing import MOST_ON_A_PAGE, Limit, Offset, Part
from xase.cli.output import emit, emit_line, note, refuse_existing, show_one, show_table
from xase.cli.pouring import Format, pour

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Access sessions: what may be used, what was used, and until when.",
)

_BULK: Final = 4_096
_JSON_HELP: Final = "JSON in place, @FILE, or - for standard input."


class Status(StrEnum):
    """How a session stands."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    TERMINATED = "TERMINATED"


Identifier = Annotated[str, typer.Argument(metavar="ID", help="The session's id: sess_…")]
Reason = Annotated[str | None, typer.Option(help="Why; it stands in the ledger.")]
Filter = Annotated[str | None, typer.Option(metavar="JSON", help="Which data records. " + _JSON_HELP)]
Fields = Annotated[str | None, typer.Option(help="Which fields: age,lab_results.glucose.")]
Sort = Annotated[str | None, typer.Option(help="In which order: age, or -age for descending.")]


@app.command("list")
def list_(
    *,
    dataset_id: Annotated[str | None, typer.Option("--dataset", help="Only on this dataset, by id.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only of this status.", case_sensitive=False)] = None,
    created_after: Annotated[str | None, typer.Option(metavar="TIME", help="Only begun then or later.")] = None,
    created_before: Annotated[str | None, typer.Option(metavar="TIME", help="Only begun before.")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List sessions, newest first: the organisation's own, and those of others on its datasets."""
    filters: dict[str, Any] = {
        "dataset_id": dataset_id,
        "status": status.value if status else None,
        "created_after": created_after,
        "created_before": created_before,
    }
    part = Part(limit, offset, as_json)
    with connect(base_url, key_file) as client:
        listing = client.sessions.list(**filters, **part.paging)
        part.show(listing, ("id", "status", "dataset", "purpose", "who", "until"), _row)


@app.command()
def get(identifier: Identifier, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show a session: its terms, and what it has used so far."""
    with connect(base_url, key_file) as client:
        state = client.sessions.get(identifier).state.to_dict()
    show_one(state, as_json=as_json)


@app.command()
def close(
    identifier: Identifier,
    *,
    reason: Reason = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """End a session of one's own organisation; one that has ended stays as it is."""
    with connect(base_url, key_file) as client:
        state = client.sessions.close(identifier, reason=reason).to_dict()
    show_one(state, as_json=as_json)


@app.command()
def revoke(
    identifier: Annotated[str | None, typer.Argument(metavar="[ID]", help="The session's id: sess_…")] = None,
    *,
    dataset: Annotated[str | None, typer.Option(help="All sessions of this dataset instead, by id or name.")] = None,
    reason: Reason = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """End a session on one's own data: nothing is delivered any more, running streams are cut at the next batch."""
    if (identifier is None) == (dataset is None):
        raise Stop("give either a session's ID or --dataset", ExitCode.USAGE)
    with connect(base_url, key_file) as client:
        if identifier is not None:
            ended = client.sessions.revoke(identifier, reason=reason).to_dict()
        else:
            ended = client.sessions.revoke_dataset(str(dataset), reason=reason).to_dict()
    show_one(ended, as_json=as_json)


@app.command()
def events(
    identifier: Identifier,
    *,
    start: Annotated[int, typer.Option(min=0, help="The sequence to begin with.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they are written, to the end.")] = False,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a session's ledger entries in order. With --follow --json each is a JSON document on a line of its own."""
    with connect(base_url, key_file) as client:
        told = client.sessions.get(identifier).events(start=start, follow=follow)
        if follow:
            for event in told:
                emit_line(event.to_dict() if as_json else " ".join(map(str, _event(event.to_dict()))))
            return
        found = [event.to_dict() for event in told]
    if as_json:
        emit({"data": found})
        return
    show_table(("sequence", "time", "type", "id", "what"), map(_event, found))


@app.command()
def stream(
    identifier: Identifier,
    *,
    format: Annotated[Format, typer.Option(help="How it is written.")] = Format.NDJSON,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Into this file, whole or not at all; else standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    filter: Filter = None,
    fields: Fields = None,
    sort: Sort = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Data records in one batch; each batch is an entry of its own.")
    ] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a session's data records, batch by batch; each is in the ledger before it comes.

    --json says what was written, and needs --output.
    """
    if as_json and output is None:
        raise Stop("--json needs --output: standard output holds the data", ExitCode.USAGE)
    if not force:
        refuse_existing(output)
    size = batch_size or (_BULK if find_spec("pyarrow") else MOST_ON_A_PAGE)
    with connect(base_url, key_file) as client:
        session = client.sessions.get(identifier)
        asked = session.stream(filter=_query(filter), fields=fields, sort=sort, batch_size=size)
        poured = pour(asked, format, output)
    if as_json:
        emit(poured)
    elif output is not None:
        note(f"{poured['records']} records in {poured['batches']} batches, in {output}")


@app.command("filter")
def filter_(
    identifier: Identifier,
    *,
    filter: Filter = None,
    fields: Fields = None,
    sort: Sort = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the answer before: its question goes on.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the data records that match, and how many there are."""
    query = _query(filter)
    with connect(base_url, key_file) as client:
        session = client.sessions.get(identifier)
        found = session.filter(query, fields=fields, sort=sort, limit=limit, cursor=cursor)
    rows = found.to_dicts()
    if as_json:
        more = {"has_more": found.has_more, "next_cursor": found.next_cursor, "batch_id": found.batch_id}
        emit({"records": rows, "record_count": len(rows), "total_matched": found.total_matched, **more})
        return
    _show_rows(rows)
    note(f"{len(rows)} of {found.total_matched}")


@app.command()
def aggregate(
    identifier: Identifier,
    *,
    pipeline: Annotated[str, typer.Option(metavar="JSON", help="A list of stages. " + _JSON_HELP)],
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what a pipeline makes of the data, computed by the server."""
    stages = read_list(pipeline, "--pipeline")
    with connect(base_url, key_file) as client:
        made = client.sessions.get(identifier).aggregate(stages)
    rows = made.to_dicts()
    if as_json:
        named = {"aggregation_id": made.aggregation_id, "evidence_id": made.evidence_id}
        paid = {name: getattr(made, name) for name in ("epsilon", "epsilon_spent", "epsilon_left")}
        emit({"results": rows, "result_count": len(rows), **named, **(paid if made.epsilon is not None else {})})
        return
    _show_rows(rows)
    note(f"{len(rows)} results, in the ledger as {made.evidence_id}")
    if made.epsilon is not None:
        note(f"with noise: cost an epsilon of {made.epsilon:g}, {made.epsilon_left:g} left for everybody")


def _query(text: str | None) -> dict[str, Any] | None:
    return None if text is None else read_object(text, "--filter")


def _row(state: Mapping[str, Any]) -> tuple[Any, ...]:
    until = state.get("ended_at") or state["expires_at"]
    return state["session_id"], state["status"], state["dataset"], state["purpose"], state["organisation"], until


def _event(event: Mapping[str, Any]) -> tuple[Any, ...]:
    body = event["body"]
    what = [f"{body[name]} {word}" for name, word in _COUNTS if name in body]
    return event["sequence"], event["time"], event["type"], event["id"], ", ".join(what)


_COUNTS: Final = (("record_count", "records"), ("count", "records"), ("result_count", "results"))


def _show_rows(rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if names:
        show_table(names, ([row.get(name) for name in names] for row in rows))
