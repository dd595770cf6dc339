"""Settings as command-line options: each field of `Settings` is an option, made from its description."""

import functools
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from xase_server.commands.exits import ExitCode, Stop
from xase_server.settings import Settings

STORE: Final = ("home", "database")
"""The settings that say which store a command works on."""

_OURS: Final = "Value error, "  # what Pydantic puts before our own words

AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each named setting (for all when none is named).

    The command itself takes the finished `settings`. An option wins over its `XASE_…` variable.
    """
    chosen = names or tuple(Settings.model_fields)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            told = {name: value for name in chosen if (value := given.pop(name)) is not None}
            command(settings=settings_from(told), **given)

        own = inspect.signature(command)
        kept = [each for each in own.parameters.values() if each.name != "settings"]
        arguments = [each for each in kept if each.kind is not inspect.Parameter.KEYWORD_ONLY]
        parameters = [*arguments, *map(_option, chosen), *kept[len(arguments) :]]
        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def settings_from(told: Mapping[str, Any]) -> Settings:
    """The settings, from what was told and the environment. Raises Stop with the usage code, naming each fault."""
    try:
        return Settings(**told)
    except ValidationError as error:
        faults = [f"  {'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix(_OURS)}" for each in error.errors()]
        raise Stop("\n".join(["these settings are not possible:", *faults]), ExitCode.USAGE) from error


def _option(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        help=field.description,
        envvar=f"XASE_{name.upper()}",
        show_default=str(field.default),
    )
    kind: Any = field.annotation
    annotation = operator.getitem(Annotated, (kind | None, option))  # a type that is made, not written
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
