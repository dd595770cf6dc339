"""`xase policies`: who may use a dataset for what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.output import emit, show_all, show_fields, show_one, show_table

if TYPE_CHECKING:
    from xase import Client
    from xase.models import Policy

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Policies: add one from a file, ask what it would say.",
)

guardrails = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Guardrails: policies that have a say on every dataset.",
)
app.add_typer(guardrails, name="guardrails")

Named = Annotated[list[str] | None, typer.Argument(metavar="[POLICY]...", help="Policies, in the order of asking.")]
Identifier = Annotated[str, typer.Argument(metavar="POLICY", help="The policy's id.")]
Written = Annotated[Path, typer.Argument(metavar="FILE", help="JSON, or YAML by its name.")]


@app.command()
def add(
    file: Written,
    *,
    to: Annotated[str | None, typer.Option(metavar="POLICY", help="Make the next version of this one.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a policy of a file, or the next version of the policy whose id stands in it."""
    with connect(base_url, key_file) as client:
        made = client.policies.update(to, file) if to is not None else _add(client, file)
    show_one(made.to_dict(), as_json=as_json)


@app.command("list")
def list_(*, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the organisation's policies, newest first."""
    with connect(base_url, key_file) as client:
        found = [each.to_dict() for each in client.policies.list(limit=100)]
    _list(found, as_json=as_json)


@app.command()
def get(
    policy: Identifier,
    *,
    version: Annotated[int | None, typer.Option(help="Another than the one in force.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a policy."""
    with connect(base_url, key_file) as client:
        show_one(client.policies.get(policy, version=version).to_dict(), as_json=as_json)


@app.command()
def versions(
    policy: Identifier, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False
) -> None:
    """List the versions of a policy, newest first."""
    with connect(base_url, key_file) as client:
        found = [each.to_dict() for each in client.policies.versions(policy, limit=100)]
    _list(found, as_json=as_json)


@app.command()
def simulate(
    policy: Identifier,
    *,
    purpose: Annotated[str, typer.Option(help="What the data would be wanted for.")],
    duration: Annotated[str | None, typer.Option(help="For how long: 30d, 24h.")] = None,
    model_id: Annotated[str | None, typer.Option(help="The model that it would be for.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Who would ask.")] = None,
    role: Annotated[str | None, typer.Option(help="In which role.")] = None,
    jurisdiction: Annotated[str | None, typer.Option(help="Where the data would be used.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask what a policy would say to a request; nothing is stored."""
    with connect(base_url, key_file) as client:
        verdict = client.policies.simulate(
            policy,
            purpose=purpose,
            duration=duration,
            model_id=model_id,
            organisation=organisation,
            role=role,
            jurisdiction=jurisdiction,
        ).to_dict()
    if as_json:
        emit(verdict)
        return
    show_fields({"verdict": verdict["verdict"], **{each["rule"]: each["message"] for each in verdict["violations"]}})
    columns = ("rule", "clause", "wanted", "got", "held")
    show_table(columns, ([each[name] for name in columns] for each in verdict["trace"]))


@app.command()
def impact(
    policy: Identifier, file: Written, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False
) -> None:
    """Ask which open sessions this file, as the policy's next version, would cut or narrow; nothing is stored."""
    with connect(base_url, key_file) as client:
        found = client.policies.impact(policy, file).to_dict()
    _show_impact(found, as_json=as_json)


@guardrails.command("list")
def list_guardrails(*, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the guardrails in force, in order."""
    with connect(base_url, key_file) as client:
        _show_guardrails(client.policies.guardrails.get().to_dict(), as_json=as_json)


@guardrails.command("set")
def set_guardrails(
    policies: Named = None, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False
) -> None:
    """Let these policies, and no others, guard every dataset from now on; without any, nothing does."""
    with connect(base_url, key_file) as client:
        _show_guardrails(client.policies.guardrails.set(policies or []).to_dict(), as_json=as_json)


@guardrails.command("impact")
def guardrails_impact(
    policies: Named = None, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False
) -> None:
    """Ask which open sessions these as the guardrails would cut or narrow; nothing is stored."""
    with connect(base_url, key_file) as client:
        _show_impact(client.policies.guardrails.impact(policies or []).to_dict(), as_json=as_json)


def _show_guardrails(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(found)
    else:
        show_all(found["policies"], ("id", "version", "name", "hash"), as_json=False)


def _show_impact(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    columns = ("session_id", "organisation", "effect", "narrowed")
    show_table(columns, ([each[name] for name in columns] for each in found["sessions"]))
    show_fields({"unchanged": found["unchanged"]})


def _add(client: "Client", file: Path) -> "Policy":
    from xase.errors import Conflict

    try:
        return client.policies.create(file)
    except Conflict as conflict:
        details = conflict.details if isinstance(conflict.details, dict) else {}
        if details.get("field") != "id":
            raise
        return client.policies.update(str(details["id"]), file)


def _list(found: list[dict[str, Any]], *, as_json: bool) -> None:
    show_all(found, ("id", "version", "name", "created_at", "hash"), as_json=as_json)
