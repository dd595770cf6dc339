"""`xase webhooks`: where the organisation is told of what happens."""

from typing import Annotated, Any

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.exits import ExitCode, Stop
from xase.cli.handover import SecretFile, hand_over, secret_file
from xase.cli.output import show_all, show_one

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Webhooks: signed messages about what happens, sent to a URL of yours.",
)

Identifier = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id: whk_…")]

_DELIVERY = ("delivery_id", "status", "type", "attempts", "response_status", "failure", "created_at", "next_attempt_at")


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are sent: https://…")],
    *,
    event: Annotated[list[str], typer.Option(help="An event to be told of, such as session_opened; repeatable.")],
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    output: SecretFile = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a webhook. The secret is shown once, or written to --output, and never again."""
    with secret_file(output) as stream, connect(base_url, key_file) as client:
        made = client.webhooks.create(url=url, events=event, description=description)
        hand_over(made.to_dict(), "secret", output, stream, as_json=as_json)


@app.command("list")
def list_(*, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the organisation's webhooks, newest first; no secrets."""
    with connect(base_url, key_file) as client:
        found = [each.to_dict() for each in client.webhooks.list()]
    show_all(found, ("id", "status", "url", "events", "created_at"), as_json=as_json)


@app.command()
def update(
    identifier: Identifier,
    *,
    url: Annotated[str | None, typer.Option(help="Where messages are sent from now on.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="All events to be told of from now on; repeatable.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Send what waited and go on, or send nothing.")
    ] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Change a webhook; what is not given stays."""
    changes: dict[str, Any] = {"url": url, "events": event or None, "description": description, "enabled": enable}
    with connect(base_url, key_file) as client:
        show_one(client.webhooks.update(identifier, **changes).to_dict(), as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(
    identifier: Identifier,
    *,
    grace: Annotated[str, typer.Option(help="How long messages are signed by both: 24h, 90m, 7d.")] = "24h",
    output: SecretFile = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a webhook a new secret. It is shown once, or written to --output, and never again."""
    with secret_file(output) as stream, connect(base_url, key_file) as client:
        made = client.webhooks.rotate_secret(identifier, grace=grace)
        hand_over(made.to_dict(), "secret", output, stream, as_json=as_json)


@app.command("test")
def try_out(
    identifier: Identifier, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False
) -> None:
    """Have a message sent on purpose; `deliveries` says what became of it."""
    with connect(base_url, key_file) as client:
        show_one(client.webhooks.test(identifier).to_dict(), as_json=as_json)


@app.command()
def deliveries(
    identifier: Identifier,
    *,
    status: Annotated[str | None, typer.Option(help="Only those that are PENDING, DELIVERED or DEAD.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List what a webhook was sent, newest first."""
    with connect(base_url, key_file) as client:
        found = [each.to_dict() for each in client.webhooks.deliveries(identifier, status=status, limit=100)]
    show_all(found, _DELIVERY, as_json=as_json)


@app.command()
def replay(
    identifier: Identifier,
    delivery: Annotated[list[str] | None, typer.Argument(metavar="DELIVERY", help="What to send: msg_…")] = None,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="All that never arrived.")] = False,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Send messages again: those named, or with --dead all that never arrived, the oldest first."""
    if bool(delivery) == dead:
        raise Stop("name deliveries, or give --dead", ExitCode.USAGE)
    with connect(base_url, key_file) as client:
        listed = client.webhooks.deliveries(identifier, status="DEAD", limit=100) if dead else ()
        wanted = [*reversed([each.delivery_id for each in listed]), *(delivery or ())]
        ordered = [client.webhooks.replay(identifier, each).to_dict() for each in wanted]
    show_all(ordered, ("delivery_id", "status"), as_json=as_json)


@app.command()
def delete(
    identifier: Identifier, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False
) -> None:
    """Delete a webhook: nothing more is sent."""
    with connect(base_url, key_file) as client:
        show_one(client.webhooks.delete(identifier).to_dict(), as_json=as_json)
