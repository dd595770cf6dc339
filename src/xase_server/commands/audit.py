"""`xase-server audit`: read the whole log again and name everything that is not as it must be."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xase_server.commands.existing import log_keys, open_existing
from xase_server.commands.exits import ExitCode
from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, progress, say, show_table
from xase_server.home import Home
from xase_server.settings import Settings

if TYPE_CHECKING:
    from xase_server.ledger.audit import AuditReport


@with_settings(*STORE)
def audit(
    *,
    settings: Settings,
    start: Annotated[int, typer.Option("--from", min=0, help="The first entry to check, by index.")] = 0,
    key: Annotated[
        list[Path] | None,
        typer.Option(help="Public keys of the log, as the server publishes them; those of the home if not given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every hash, link, tile, checkpoint, payload and derived row. Changes nothing.

    Servers may run meanwhile. Also checks that the log reaches the head held outside the database.
    Exit code 0 when nothing was found, else 6.
    """
    report = _audit(settings, start, key or [])
    if as_json:
        findings = [asdict(each) for each in report.findings]
        said = {"log": report.log, "from": report.start, "size": report.size, "checkpoints": report.checkpoints}
        emit({**said, "clean": report.clean, "findings": findings})
    else:
        found = f"{len(report.findings)} findings" if report.findings else "nothing found"
        count = report.size - report.start
        say(f"{count} entries and {report.checkpoints} checkpoints of {report.log} checked: {found}")
        if report.findings:
            rows = [(str(each.index), each.id, each.message) for each in report.findings]
            show_table(("entry", "id", "found"), rows, colours=["bold red"] * len(rows))
    if not report.clean:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def _audit(settings: Settings, start: int, keys: list[Path]) -> "AuditReport":
    from dataclasses import replace

    from xase_server.ledger.audit import audit
    from xase_server.ledger.findings import Finding
    from xase_server.ledger.start import find_objection

    home = Home(settings.home)
    storage = open_existing(settings)
    try:
        verifiers = log_keys(home, keys)
        with progress("checking") as report_progress:
            report = audit(storage, verifiers, start=start, progress=report_progress)
        objection = find_objection(storage, verifiers, home.head)
    finally:
        storage.close()
    if objection is None:
        return report
    finding = Finding(max(report.size - 1, 0), "", objection.reason)
    return replace(report, findings=[*report.findings, finding])
