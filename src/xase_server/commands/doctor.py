"""`xase-server doctor`: is everything in place for this server to keep its promises?"""

from dataclasses import asdict

import typer

from xase_server.commands.checks import Patient, State, examine
from xase_server.commands.existing import open_existing
from xase_server.commands.exits import ExitCode
from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, note, show_table
from xase_server.domain.clock import SystemClock
from xase_server.home import Home
from xase_server.ports import StorageUnavailable
from xase_server.settings import Settings


@with_settings(*STORE)
def doctor(*, settings: Settings, as_json: AsJson = False) -> None:
    """Look at everything a server needs, and say what to mend. Changes nothing.

    Exit code 0 when there is no problem (there may be warnings), else 6.
    """
    patient = _patient(settings)
    findings = list(examine(patient))
    if patient.storage is not None:
        patient.storage.close()
    problems = sum(each.state is State.PROBLEM for each in findings)
    if as_json:
        emit({"healthy": not problems, "findings": [asdict(each) for each in findings]})
    else:
        colours = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "bold red"}
        rows = [(f.state.value, f.check, f.found, f.remedy) for f in findings]
        show_table(("", "check", "found", "what to do"), rows, colours=[colours[f.state] for f in findings])
        note(f"{problems or 'no'} problem{'' if problems == 1 else 's'}")
    if problems:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def _patient(settings: Settings) -> Patient:
    home, clock = Home(settings.home), SystemClock()
    try:
        return Patient(settings, home, clock, open_existing(settings))
    except StorageUnavailable as error:
        return Patient(settings, home, clock, None, str(error))
