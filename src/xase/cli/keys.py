"""`xase keys`: the API keys of one's own organisation."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.exits import ExitCode, Stop
from xase.cli.handover import SecretFile, hand_over, secret_file
from xase.cli.output import emit, show_one, show_table

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="API keys: one for each application and person.",
)


class Role(StrEnum):
    """Named sets of scopes."""

    ADMIN = "admin"
    DATA_HOLDER = "data_holder"
    AI_LAB = "ai_lab"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"


Identifier = Annotated[str, typer.Argument(metavar="ID", help="The key's id: key_…")]


@app.command()
def create(
    *,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    role: Annotated[Role | None, typer.Option(help="What it may do, by role; or give --scope.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="What it may do, one scope; repeatable.")] = None,
    email: Annotated[str | None, typer.Option(help="Who uses it; yourself when not given.")] = None,
    act_for: Annotated[list[str] | None, typer.Option(help="An e-mail it may speak for; repeatable.")] = None,
    expires_at: Annotated[str | None, typer.Option(metavar="TIME", help="When it stops working.")] = None,
    output: SecretFile = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. The secret is shown once, or written to --output, and never again."""
    if (role is None) == (not scope):
        raise Stop("give either --role or --scope", ExitCode.USAGE)
    with secret_file(output) as stream, connect(base_url, key_file) as client:
        made = client.keys.create(
            name=name,
            role=role.value if role else None,
            scopes=scope or None,
            email=email,
            may_act_for=act_for or None,
            expires_at=expires_at,
        )
        hand_over(made.to_dict(), "key", output, stream, as_json=as_json)


@app.command("list")
def list_(*, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the organisation's keys, newest first; no secrets."""
    with connect(base_url, key_file) as client:
        keys = [key.to_dict() for key in client.keys.list()]
    if as_json:
        emit({"data": keys, "total": len(keys)})
        return
    show_table(("id", "name", "who", "role", "key", "created", "state"), map(_row, keys))


@app.command()
def rotate(
    identifier: Identifier,
    *,
    grace: Annotated[str, typer.Option(help="How long the old key goes on working: 24h, 90m, 7d.")] = "24h",
    output: SecretFile = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Replace a key by a new one with the same rights."""
    with secret_file(output) as stream, connect(base_url, key_file) as client:
        made = client.keys.rotate(identifier, grace=grace)
        hand_over(made.to_dict(), "key", output, stream, as_json=as_json)


@app.command()
def revoke(
    identifier: Identifier, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False
) -> None:
    """End a key, at once and for good."""
    with connect(base_url, key_file) as client:
        key = client.keys.revoke(identifier).to_dict()
    show_one(key, as_json=as_json)


def _row(key: Mapping[str, Any]) -> tuple[Any, ...]:
    ends = [f"{word} {key[field]}" for word, field in _ENDS if key.get(field)]
    state = ends[0] if ends else "works"
    return key["id"], key["name"], key["email"], key["role"] or "scopes", key["display"], key["created_at"], state


_ENDS = (("revoked", "revoked_at"), ("expires", "expires_at"))
