"""A fresh secret on its way to its owner: shown this once, or written into a file of theirs and not shown."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from xase.cli.exits import ExitCode, Stop
from xase.cli.output import emit, note, show_fields

SecretFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write the secret into this new file, readable by you alone; do not show it."),
]


@contextmanager
def secret_file(file: Path | None) -> Iterator[IO[str] | None]:
    """The file that a secret will be written to, made before the secret is: one that cannot be kept is never made.

    It is new and its owner's alone, and gone again if nothing was written. Raises Stop when it exists
    already or cannot be made. None where the secret is to be shown.
    """
    if file is None:
        yield None
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Stop(f"{file} exists already", ExitCode.USAGE) from error
    except OSError as error:
        raise Stop(f"{file}: cannot write: {error.strerror}", ExitCode.USAGE) from error
    try:
        with os.fdopen(descriptor, "w") as stream:
            yield stream
    finally:
        if not file.stat().st_size:
            file.unlink()


def hand_over(made: dict[str, Any], field: str, file: Path | None, stream: IO[str] | None, *, as_json: bool) -> None:
    """Show what was made. Its secret, which `field` holds, is shown with it, or is in the file before anything is."""
    if stream is not None:
        stream.write(f"{made.pop(field)}\n")
        stream.flush()
    if as_json:
        emit(made)
        return
    show_fields(made)
    note(f"The secret is in {file}" if file else "The secret is shown this once: keep it now")
