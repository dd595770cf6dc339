"""`xase datasets`: data that others may be given access to."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.exits import ExitCode, Stop
from xase.cli.output import emit, show_all, show_fields, show_one, show_table

if TYPE_CHECKING:
    from xase import Client
    from xase.models import DatasetState

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Datasets: add one, give it more data, put it under a policy.",
)


class Form(StrEnum):
    """How data is written."""

    PARQUET = "parquet"
    ARROW = "arrow"
    NDJSON = "ndjson"
    CSV = "csv"


Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="The dataset's id or name.")]
Policy = Annotated[str | None, typer.Option(metavar="ID", help="The policy that governs it.")]
Description = Annotated[str | None, typer.Option(help="What it holds, for people.")]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH=CLASS",
        help="What a field is: identifier, quasi_identifier, sensitive or ordinary; repeatable.",
    ),
]


Scrub = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH[=ENTITY,…]",
        help="A field of free text in which personal data is replaced when it is read (EMAIL_ADDRESS, …); repeatable.",
    ),
]


@app.command()
def add(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Parquet, Arrow, NDJSON or CSV.")] = None,
    *,
    source: Annotated[str | None, typer.Option(help="In place of FILE: a file under a server's storage root.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the new dataset.")] = None,
    to: Annotated[str | None, typer.Option(metavar="DATASET", help="In place of --name: its next version.")] = None,
    append: Annotated[bool, typer.Option("--append", help="With --to: behind the records there are.")] = False,
    format: Annotated[Form | None, typer.Option(help="How the data is written; else found out.")] = None,
    id_field: Annotated[str | None, typer.Option(metavar="PATH", help="The field that names a record.")] = None,
    subject_field: Annotated[str | None, typer.Option(metavar="PATH", help="The field that names a person.")] = None,
    field: Fields = None,
    scrub: Scrub = None,
    description: Description = None,
    policy: Policy = None,
    wait: Annotated[bool, typer.Option(help="Until the data can be used.")] = True,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Send a file as a new dataset, or as the next version of one, and wait until it can be used."""
    _one_of("FILE or --source", file, source)
    _one_of("--name or --to", name, to)
    described = _given(
        id_field=id_field,
        subject_field=subject_field,
        description=description,
        policy_id=policy,
        fields=_notes(field, scrub),
    )
    form = format.value if format else None
    with connect(base_url, key_file) as client:
        if name is not None:
            made = client.datasets.register(name=name, file=file, source=source, format=form, wait=wait, **described)
        elif described:
            raise Stop("with --to only the data changes; see `xase datasets update`", ExitCode.USAGE)
        else:
            mode = "append" if append else "replace"
            made = _next_version(client, str(to), file or str(source), mode=mode, format=form, wait=wait)
    _show(made.to_dict(), as_json=as_json)


def _one_of(names: str, *given: object) -> None:
    if sum(each is not None for each in given) != 1:
        raise Stop(f"give either {names}", ExitCode.USAGE)


@app.command("list")
def list_(
    *,
    status: Annotated[str | None, typer.Option(help="PROCESSING, READY, FAILED or ARCHIVED.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """List the datasets that one may see, own ones and those of others."""
    with connect(base_url, key_file) as client:
        found = [each.to_dict() for each in client.datasets.list(status=status, limit=100)]
    if as_json:
        emit({"data": found, "total": len(found)})
        return
    show_table(
        ("id", "name", "holder", "status", "version", "records", "policy"),
        (
            (
                each["dataset_id"],
                each["name"],
                each["organisation"],
                each["status"],
                each["version"],
                each.get("rows"),
                each.get("policy_id"),
            )
            for each in found
        ),
    )


@app.command()
def get(dataset: Dataset, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show one dataset."""
    with connect(base_url, key_file) as client:
        _show(client.datasets.get(dataset).to_dict(), as_json=as_json)


@app.command()
def schema(dataset: Dataset, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show the fields of the newest version."""
    with connect(base_url, key_file) as client:
        found = client.datasets.schema(dataset).to_dict()
    if as_json:
        emit(found)
        return
    rows = ((each["path"], each["type"], each["class"], each.get("description")) for each in _flat(found["fields"]))
    show_table(("field", "type", "class", "description"), rows)


@app.command()
def profile(dataset: Dataset, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show what the values of each field are like, of an own dataset."""
    with connect(base_url, key_file) as client:
        found = client.datasets.profile(dataset).to_dict()
    if as_json:
        emit(found)
        return
    rows = (
        (path, *(each.get(name) for name in ("type", "nulls", "distinct", "min", "max")))
        for path, each in found["fields"].items()
    )
    show_table(("field", "type", "nulls", "distinct", "least", "greatest"), rows)


@app.command()
def budget(dataset: Dataset, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Show what noisy answers about an own dataset have cost, and what is left."""
    with connect(base_url, key_file) as client:
        found = client.datasets.budget(dataset).to_dict()
    if as_json:
        emit(found)
        return
    shares = found.pop("organisations")
    show_fields(found)
    if shares:
        show_table(("organisation", "epsilon_spent", "queries"), (tuple(each.values()) for each in shares))


@app.command()
def versions(dataset: Dataset, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the versions of an own dataset, newest first."""
    with connect(base_url, key_file) as client:
        found = [each.to_dict() for each in client.datasets.versions(dataset, limit=100)]
    show_all(found, ("version", "mode", "rows", "bytes", "created_at", "digest"), as_json=as_json)


Quasi = Annotated[
    list[str] | None,
    typer.Option("--quasi", metavar="PATH", help="A field by which somebody could be recognised; repeatable."),
]
Sensitive = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH", help="A field that nobody must learn of somebody; repeatable."),
]


@app.command()
def anonymize(
    dataset: Dataset,
    *,
    name: Annotated[str, typer.Option(help="Of the dataset that is made, or given its next version.")],
    k: Annotated[int, typer.Option("-k", min=2, help="How many people, or records, look alike.")],
    l: Annotated[  # noqa: E741 - as everybody writes it
        int | None, typer.Option("-l", min=2, help="How many values of each sensitive field those hold.")
    ] = None,
    quasi: Quasi = None,
    sensitive: Sensitive = None,
    suppression_max: Annotated[
        float | None, typer.Option(min=0, max=0.5, help="The share of records that may be left out; 0.05 by default.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Until it is made.")] = True,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an anonymised dataset of an own dataset. Which fields matter is by default what their classes say."""
    with connect(base_url, key_file) as client:
        made = client.datasets.anonymize(
            dataset,
            name=name,
            k=k,
            l=l,
            quasi_identifiers=quasi,
            sensitive=sensitive,
            suppression_max=suppression_max,
            wait=wait,
        )
    _show(made.to_dict(), as_json=as_json)


@app.command()
def risk(
    dataset: Dataset,
    *,
    version: Annotated[int | None, typer.Option(min=1, help="By default the newest.")] = None,
    quasi: Quasi = None,
    sensitive: Sensitive = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how easily records are recognised: with --quasi of any version, else as an anonymised one was made."""
    with connect(base_url, key_file) as client:
        found = client.datasets.risk(dataset, version=version, quasi_identifiers=quasi, sensitive=sensitive).to_dict()
    if as_json:
        emit(found)
    else:
        show_fields(found["report"])


@app.command()
def update(
    dataset: Dataset,
    *,
    policy: Annotated[str | None, typer.Option(metavar="ID", help="The policy that governs it; '' for none.")] = None,
    field: Fields = None,
    scrub: Scrub = None,
    description: Description = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Change what is said of a dataset, or the policy that governs it."""
    wish = _given(policy_id=policy, description=description, fields=_notes(field, scrub))
    if not wish:
        raise Stop("give at least one of --policy, --field, --scrub and --description", ExitCode.USAGE)
    with connect(base_url, key_file) as client:
        _show(client.datasets.update(dataset, **wish).to_dict(), as_json=as_json)


@app.command()
def archive(dataset: Dataset, *, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Let no new session begin on a dataset."""
    with connect(base_url, key_file) as client:
        _show(client.datasets.archive(dataset).to_dict(), as_json=as_json)


@app.command()
def withdraw(
    dataset: Dataset,
    subject: Annotated[str, typer.Argument(metavar="PERSON", help="As the dataset's subject field names them.")],
    *,
    reason: Annotated[str | None, typer.Option(help="Why; the ledger commits to it.")] = None,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a person's consent back: no session gets their records any more. Shows who had received them."""
    with connect(base_url, key_file) as client:
        found = client.datasets.withdraw(dataset, subject=subject, reason=reason).to_dict()
    show_one(found, as_json=as_json)


@app.command()
def detokenize(
    dataset: Dataset,
    tokens: Annotated[list[str], typer.Argument(metavar="TOKEN...", help="As a session received them.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; the ledger commits to it.")],
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what tokens of an own dataset stand for; that it was asked is in the ledger."""
    with connect(base_url, key_file) as client:
        found = client.datasets.detokenize(dataset, tokens, reason=reason).to_dict()
    if as_json:
        emit(found)
        return
    unknown = ({"token": token, "value": "unknown"} for token in found["unknown"])
    rows = ((each["token"], each["value"], each.get("session_id")) for each in (*found["reversed"], *unknown))
    show_table(("token", "value", "session"), rows)


@app.command()
def erase_tokens(
    dataset: Dataset,
    tokens: Annotated[list[str] | None, typer.Argument(metavar="TOKEN...", help="As a session received them.")] = None,
    *,
    value: Annotated[list[str] | None, typer.Option(help="All tokens of this text; repeatable.")] = None,
    reason: Annotated[str, typer.Option(help="Why; the ledger commits to it.")],
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Destroy the way back from tokens of an own dataset, for somebody who must be forgotten."""
    if bool(tokens) == bool(value):
        raise Stop("give either tokens or --value", ExitCode.USAGE)
    with connect(base_url, key_file) as client:
        made = client.datasets.erase_tokens(dataset, tokens=tokens or None, values=value or None, reason=reason)
    found = made.to_dict()
    if as_json:
        emit(found)
        return
    show_table(("token", "state"), [(each, state) for state in ("erased", "unknown") for each in found[state]])


def _next_version(
    client: "Client", dataset: str, data: Path | str, *, mode: str, format: str | None, wait: bool
) -> "DatasetState":
    if isinstance(data, Path):
        return client.datasets.upload(dataset, file=data, mode=mode, format=format, wait=wait)
    return client.datasets.add_version(dataset, source=data, mode=mode, format=format, wait=wait)


def _notes(fields: list[str] | None, scrub: list[str] | None) -> dict[str, dict[str, Any]] | None:
    notes: dict[str, dict[str, Any]] = {}
    for each in fields or ():
        path, _, kind = each.rpartition("=")
        if not path or not kind:
            raise Stop(f"--field {each}: expected PATH=CLASS", ExitCode.USAGE)
        notes[path] = {"class": kind}
    for each in scrub or ():
        path, _, kinds = each.partition("=")
        notes.setdefault(path, {})["scrub"] = {"entities": kinds.split(",")} if kinds else {}
    return notes or None


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _flat(fields: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in fields:
        yield each
        yield from _flat(each.get("fields", []))


def _show(dataset: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(dataset)
    else:
        show_fields({name: value for name, value in dataset.items() if value not in (None, {}, "")})
