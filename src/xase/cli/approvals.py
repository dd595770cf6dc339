"""`xase approvals`: requests for access that wait for people."""

from typing import Annotated

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.output import show_all, show_one

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Requests for access that wait for people: list them, approve, deny.",
)

Identifier = Annotated[str, typer.Argument(metavar="ID", help="The request's id: apr_…")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the vote.")]


@app.command("list")
def list_(
    *,
    status: Annotated[str | None, typer.Option(help="PENDING, APPROVED, DENIED or EXPIRED.")] = None,
    dataset_id: Annotated[str | None, typer.Option(help="Only requests for this dataset.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List what the organisation asked for and what you may decide on, newest first."""
    with connect(base_url, key_file) as client:
        found = [each.to_dict() for each in client.approvals.list(status=status, dataset_id=dataset_id, limit=100)]
    columns = ("approval_request_id", "status", "dataset", "organisation", "purpose", "model_id", "expires_at")
    show_all(found, columns, as_json=as_json)


@app.command()
def approve(
    identifier: Identifier,
    *,
    reason: Reason = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Vote for a request; it is approved once the policy's quorum is reached."""
    with connect(base_url, key_file) as client:
        show_one(client.approvals.approve(identifier, reason=reason).to_dict(), as_json=as_json)


@app.command()
def deny(
    identifier: Identifier,
    *,
    reason: Reason = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Vote against a request, which denies it."""
    with connect(base_url, key_file) as client:
        show_one(client.approvals.deny(identifier, reason=reason).to_dict(), as_json=as_json)
