"""`xase evidence`: bundles to hand out, and single entries with their proof."""

from pathlib import Path
from typing import Annotated, Final

import typer

from xase.cli.connection import AsJson, BaseUrl, KeyFile, connect
from xase.cli.exits import ExitCode, Stop
from xase.cli.output import emit, note, refuse_existing, show_all, show_fields, waiting
from xase.models import BundleState

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="What a stranger can check without the server.",
)

_BUNDLE: Final = ("bundle_id", "status", "created_at", "format", "record_count", "purpose", "error")


@app.command()
def export(
    *,
    record: Annotated[list[str] | None, typer.Option(metavar="ID", help="A record to cover; repeatable.")] = None,
    model_id: Annotated[str | None, typer.Option("--model-id", "--model", help="Cover this model's decisions.")] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="Cover all of this session.")] = None,
    dataset: Annotated[str | None, typer.Option(metavar="ID", help="Cover the sessions on this dataset.")] = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="A model's or dataset's from here on.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="The model's or dataset's up to here.")] = None,
    operations: Annotated[bool | None, typer.Option(help="With a model: the sessions that fed it, too.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Why it is made; stands in the bundle.")] = None,
    payloads: Annotated[bool, typer.Option(help="Disclose what was decided, not only that it was.")] = True,
    pdf: Annotated[bool, typer.Option("--pdf", help="The report as a document, too: report.pdf.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to; else BUNDLE_ID.zip here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make an evidence bundle, wait for it and download it, whole or not at all."""
    if [bool(record), bool(model_id), bool(session), bool(dataset)].count(True) != 1:
        raise Stop("give one of --record, --model-id, --session and --dataset", ExitCode.USAGE)
    refuse_existing(None if force else output)
    with connect(base_url, key_file) as client, waiting("making the bundle"):
        bundle = client.evidence.export(
            record_ids=record or None,
            model_id=model_id,
            session_id=session,
            dataset_id=dataset,
            start_date=start_date,
            end_date=end_date,
            purpose=purpose,
            format="pdf" if pdf else None,
            include_payloads=None if payloads else False,
            include_operations=operations,
        ).wait()
        file = bundle.download(output or Path.cwd())
    _tell(bundle, file, as_json=as_json)


def _tell(bundle: BundleState, file: Path, *, as_json: bool) -> None:
    if as_json:
        emit({**bundle.to_dict(), "file": str(file)})
        return
    show_fields({"file": str(file), "bundle": bundle.bundle_id, "entries": bundle.entry_count, "sha256": bundle.sha256})
    note(f"\nVerify it anywhere, offline:\n  xase verify {file} --key KEYS.json")
    note("KEYS.json are the server's public keys, /.well-known/xase-signing-keys.json, got by a way you trust")


@app.command("list")
def list_(*, base_url: BaseUrl = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the bundles that were asked for, newest first; of those that could not be made, why."""
    with connect(base_url, key_file) as client:
        found = [each.to_dict() for each in client.evidence.list(limit=100)]
    rows = [{**each, "error": each.get("error", {}).get("code")} for each in found]
    show_all(found if as_json else rows, _BUNDLE, as_json=as_json)


@app.command()
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An entry's id: rec_…, int_…, bundle_…, key_…")],
    *,
    base_url: BaseUrl = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show one ledger entry with its proof, which has been verified when it is shown."""
    with connect(base_url, key_file) as client:
        proof = client.evidence.show(identifier).to_dict()
    if as_json:
        emit(proof)
        return
    entry = proof["entry"]
    show_fields(
        {
            **{name: entry[name] for name in ("id", "type", "time", "stream", "sequence")},
            "hash": proof["hash"],
            "previous_hash": entry["previous_hash"],
            "place": f"entry {proof['index']} of {proof['tree_size']}",
            "proof": f"{len(proof['inclusion_path'])} hashes to the root that the checkpoint signs: verified",
        }
    )
