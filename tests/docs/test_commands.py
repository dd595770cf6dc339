"""Every command that the documentation names exists, with the options it shows."""

import re
import shlex
from typing import Any

import pytest
import typer

from tests.docs.pages import pages
from xase.cli.root import app as client
from xase_server.commands.root import app as server

ROOTS = {"xase": client, "xase-server": server}
COMMAND = re.compile(r"(?<![\w/.-])(?:\S*/bin/)?(?P<root>xase(?:-server)?) (?P<rest>[a-z-][^`\n|&;]*)")
HELP = {"--help", "-h"}


def code_of(text: str) -> str:
    """What stands in fenced shell blocks and between backticks."""
    fenced = re.findall(r"^```(?:sh|ini)\b[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "\n".join(fenced + re.findall(r"`([^`\n]+)`", text)).replace("\\\n", " ")


def options_of(command: Any) -> set[str]:
    return HELP | {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}


def unknown_words(root: str, line: str) -> list[str]:
    """The subcommand or options of one command line that do not exist."""
    command: Any = typer.main.get_command(ROOTS[root])
    words = shlex.split(line, comments=True)
    while words and hasattr(command, "get_command") and not words[0].startswith("-"):
        found = command.get_command(typer.Context(command), words[0])
        if found is None:
            return [words[0]]
        command, words = found, words[1:]
    return [word for word in words if word.startswith("-") and word not in options_of(command) | {"-"}]


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_command_exists_with_its_options(page):
    wrong = {
        found.group(): unknown
        for found in COMMAND.finditer(code_of(page.text))
        if (unknown := unknown_words(found["root"], found["rest"]))
    }
    assert wrong == {}
