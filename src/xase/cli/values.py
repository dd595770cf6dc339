"""Values as they are typed.

Typer reads every value through pydantic, which takes longer to import than most commands take to
run, and than `xase verify` may take to start. Text and paths need no reading; everything else is
left to Typer, when it is given at all.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import typer

HELP: Final = ["-h", "--help"]
"""The options that ask for help, on every command."""

_READ: Final[Mapping[Any, Callable[[Any], Any]]] = {
    str: str,
    Path: Path,
    list[str]: list,
    list[Path]: lambda values: [Path(value) for value in values],
}


def lighten(command: Any) -> Any:
    """The command, with its subcommands, taking text and paths as they are typed."""
    context = typer.Context(command, help_option_names=HELP)
    for parameter in command.get_params(context):
        parameter._runtime_param = _AsTyped()  # noqa: SLF001 - where Typer keeps the reader it would make
    for subcommand in getattr(command, "commands", {}).values():
        lighten(subcommand)
    return command


class _AsTyped:
    """Stands where Typer keeps what reads a parameter's value."""

    __slots__ = ()

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command takes it."""
        kind = param.type_descriptor.annotation
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if read := _READ.get(kind):
            return read(value)
        if isinstance(kind, type) and isinstance(value, kind):  # a default
            return value
        param._runtime_param = None  # noqa: SLF001 - Typer makes its own
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)
