"""`xase records`: decision records."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.exits import ExitCode, Stop
from xase.cli.inputs import read_object
from xase.cli.listing import Limit, Offset, Part
from xase.cli.output import emit, show_fields

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What a model decided, and what people did about it.",
)

FIELDS: Final = frozenset(
    {
        "model_id",
        "input",
        "output",
        "confidence",
        "transaction_id",
        "policy_id",
        "context",
        "explanation",
        "model_version",
        "model_hash",
        "idempotency_key",
    }
)
_JSON_HELP: Final = "A JSON object: in place, @FILE, or - for standard input."


class Action(StrEnum):
    """What a person may do about a decision."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    OVERRIDE = "OVERRIDE"
    ESCALATED = "ESCALATED"


class Order(StrEnum):
    """Which end of a list comes first."""

    DESC = "desc"
    ASC = "asc"


Identifier = Annotated[str, typer.Argument(metavar="ID", help="The record's id, or its first 8 hex digits or more.")]


@app.command()
def create(
    *,
    body: Annotated[
        str | None, typer.Argument(metavar="[BODY]", help="The whole record as JSON, @FILE or -; options add to it.")
    ] = None,
    model_id: Annotated[str | None, typer.Option(help="Which model decided.")] = None,
    input: Annotated[str | None, typer.Option(metavar="JSON", help="What the model was given. " + _JSON_HELP)] = None,
    output: Annotated[str | None, typer.Option(metavar="JSON", help="What it decided.")] = None,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="How sure it was, 0 to 1.")] = None,
    transaction_id: Annotated[str | None, typer.Option(help="Your own reference.")] = None,
    policy_id: Annotated[str | None, typer.Option(help="The policy it decided under.")] = None,
    context: Annotated[str | None, typer.Option(metavar="JSON", help="Circumstances.")] = None,
    explanation: Annotated[str | None, typer.Option(metavar="JSON", help="Why it decided so.")] = None,
    model_version: Annotated[str | None, typer.Option(help="The model's version.")] = None,
    model_hash: Annotated[str | None, typer.Option(help="A digest of the model.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="Repeating with the same key records once.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Record one decision.

    When the command ends well the record is durable, in the log and under a signed checkpoint.
    """
    objects = {"input": input, "output": output, "context": context, "explanation": explanation}
    values = {
        "model_id": model_id,
        "confidence": confidence,
        "transaction_id": transaction_id,
        "policy_id": policy_id,
        "model_version": model_version,
        "model_hash": model_hash,
        "idempotency_key": idempotency_key,
    }
    record = _gather(body, objects) | {name: value for name, value in values.items() if value is not None}
    _check(record)
    with connect(base_url, key_file) as client:
        made = client.records.create(**record)
    _show(made.to_dict(), as_json=as_json)


@app.command()
def get(identifier: Identifier, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show one decision record, with the interventions that came later."""
    with connect(base_url, key_file) as client:
        record = client.records.get(identifier)
    _show(record.to_dict(), as_json=as_json)


@app.command("list")
def list_(
    *,
    model_id: Annotated[str | None, typer.Option(help="Only this model's.")] = None,
    policy_id: Annotated[str | None, typer.Option(help="Only under this policy.")] = None,
    transaction_id: Annotated[str | None, typer.Option(help="Only with this reference of yours.")] = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="From this date or time on.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Up to this time, or with this day.")] = None,
    has_intervention: Annotated[
        bool | None,
        typer.Option("--has-intervention/--no-intervention", help="Only those people acted on, or did not."),
    ] = None,
    min_confidence: Annotated[float | None, typer.Option(min=0, max=1, help="At least this sure.")] = None,
    max_confidence: Annotated[float | None, typer.Option(min=0, max=1, help="At most this sure.")] = None,
    order: Annotated[Order, typer.Option(help="Newest or oldest first.")] = Order.DESC,
    limit: Limit = 20,
    offset: Offset = 0,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List decision records, newest first, and how many match."""
    filters: dict[str, Any] = {
        "model_id": model_id,
        "policy_id": policy_id,
        "transaction_id": transaction_id,
        "start_date": start_date,
        "end_date": end_date,
        "has_intervention": has_intervention,
        "min_confidence": min_confidence,
        "max_confidence": max_confidence,
        "order": order.value,
    }
    part = Part(limit, offset, as_json)
    with connect(base_url, key_file) as client:
        listing = client.records.list(**filters, **part.paging)
        part.show(listing, ("id", "decided", "model", "sure", "output", "people"), _row)


@app.command()
def intervene(
    identifier: Identifier,
    *,
    action: Annotated[Action, typer.Option(help="What you do about it.", case_sensitive=False)],
    reason: Annotated[str, typer.Option(help="Why.")],
    new_outcome: Annotated[
        str | None, typer.Option(metavar="JSON", help="What holds instead; for OVERRIDE, and only there. " + _JSON_HELP)
    ] = None,
    actor_email: Annotated[str | None, typer.Option(help="On whose behalf; your key must be allowed to.")] = None,
    evidence_url: Annotated[list[str] | None, typer.Option(help="Where the reasons can be read; repeatable.")] = None,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="Anything else.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Approve, reject, override or escalate a decision.

    The record itself is never rewritten: the intervention is a signed entry of its own.
    """
    objects = _gather(None, {"new_outcome": new_outcome, "metadata": metadata})
    with connect(base_url, key_file) as client:
        made = client.records.intervene(
            identifier,
            action=action.value,
            reason=reason,
            actor_email=actor_email,
            evidence_urls=evidence_url or None,
            **objects,
        )
    _show(made.to_dict(), as_json=as_json)


@app.command()
def erase(
    identifier: Identifier,
    *,
    reason: Annotated[str, typer.Option(help="Why; stays with the record.")],
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Destroy what a decision was about, for good: input, output, context and explanation. Its proofs stay valid."""
    with connect(base_url, key_file) as client:
        _show(client.records.erase(identifier, reason=reason).to_dict(), as_json=as_json)


def _gather(body: str | None, objects: Mapping[str, str | None]) -> dict[str, Any]:
    """The JSON objects of a command line, read; only one of them may come from standard input."""
    if [body, *objects.values()].count("-") > 1:
        raise Stop("only one value can come from standard input", ExitCode.USAGE)
    gathered = read_object(body, "BODY") if body is not None else {}
    return gathered | {
        name: read_object(text, f"--{name.replace('_', '-')}") for name, text in objects.items() if text is not None
    }


def _check(record: Mapping[str, Any]) -> None:
    unknown = sorted(record.keys() - FIELDS)
    missing = [name for name in ("model_id", "input", "output") if name not in record]
    if unknown or missing:
        faults = [f"unknown field: {name}" for name in unknown] + [f"missing: {name}" for name in missing]
        raise Stop("; ".join(faults), ExitCode.USAGE)


def _row(record: Mapping[str, Any]) -> tuple[Any, ...]:
    people = ", ".join(each["action"] for each in record["interventions"])
    output = "(erased)" if "erased_at" in record else record.get("output")
    return record["id"], record["created_at"], record["model_id"], record.get("confidence"), output, people


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(answer)
        return
    interventions = answer.pop("interventions", [])
    show_fields(answer)
    for each in interventions:
        show_fields({"": "", **each})
