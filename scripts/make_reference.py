"""Writes docs/reference from the code, or with `--check` says which pages no longer match it."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import typer
from pydantic.fields import FieldInfo

from xase.cli.exits import MEANING
from xase.cli.root import app as client_app
from xase_server.commands.exits import MEANING as SERVER_MEANING
from xase_server.commands.root import app as server_app
from xase_server.domain.errors import CATALOGUE
from xase_server.domain.principals import ROLES, SCOPES
from xase_server.settings import Settings
from xase_server.web.endpoints import ENDPOINTS

REFERENCE: Final = Path(__file__).resolve().parents[1] / "docs" / "reference"
BOUNDS: Final = {
    "ge": "≥ {}",
    "gt": "> {}",
    "le": "≤ {}",
    "lt": "< {}",
    "max_length": "at most {} characters",
    "pattern": "matches `{}`",
}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    cells = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in cells)


def page(title: str, source: str, *paragraphs: str) -> str:
    """A page that says where it comes from."""
    note = f"<!-- made from {source} by scripts/make_reference.py; `make fix` rewrites it -->"
    return "\n\n".join([f"# {title}\n\n{note}", *(paragraph.rstrip() for paragraph in paragraphs)]) + "\n"


# ------------------------------------------------------------------ errors, scopes, settings


def errors() -> str:
    """One heading for each error."""
    intro = "Every error answer holds its slug as `type` and as `code`; see [the envelope](../spec/api.md#errors)."
    sections = (f"## {e.slug}\n\n{e.status} · {e.title}\n\n{e.meaning}" for e in CATALOGUE.values())
    return page("Errors", "xase_server.domain.errors", intro, *sections)


def scopes() -> str:
    """What each scope allows, and which role holds it."""
    held = table(["scope", "allows", *ROLES], ([f"`{s}`", why, *_marks(s)] for s, why in SCOPES.items()))
    intro = "A key carries a role, or an explicit list of scopes. What is not listed is not allowed."
    return page("Roles and scopes", "xase_server.domain.principals", intro, held)


def _marks(scope: str) -> list[str]:
    return ["✓" if scope in held else "" for held in ROLES.values()]


def settings() -> str:
    """One heading for each setting."""
    intro = (
        "Each setting is an option of `xase-server serve` and an environment variable; the option wins. "
        "They are read once, at start."
    )
    return page(
        "Settings",
        "xase_server.settings",
        intro,
        *(_setting(name, info) for name, info in Settings.model_fields.items()),
    )


def _setting(name: str, info: FieldInfo) -> str:
    bounds = [form.format(limit) for key, form in BOUNDS.items() if (limit := _bound(info, key)) is not None]
    default = f"`{info.default}`" if str(info.default) else "empty"
    facts = f"`--{name.replace('_', '-')}` · `XASE_{name.upper()}` · default {default}"
    return f"## {name}\n\n{info.description}\n\n{' · '.join([facts, *bounds])}"


def _bound(info: FieldInfo, key: str) -> Any:
    return next((getattr(m, key) for m in info.metadata if getattr(m, key, None) is not None), None)


# ------------------------------------------------------------------ endpoints


def endpoints() -> str:
    """One table for each group of endpoints, in the order of the endpoint table."""
    groups: dict[str, list[list[str]]] = {}
    for e in ENDPOINTS:
        groups.setdefault(e.group, []).append([f"`{e.method} {e.path}`", e.access, e.summary])
    intro = "Bodies, answers, errors and examples: `/openapi.json`, or [the wire contract](../spec/api.md)."
    sections = (f"## {group}\n\n{table(['endpoint', 'scope', 'does'], rows)}" for group, rows in groups.items())
    return page("Endpoints", "xase_server.web.endpoints", intro, *sections)


# ------------------------------------------------------------------ command lines


def commands() -> str:
    """Both command lines, every command with its options."""
    sections: list[str] = []
    for name, app in (("xase", client_app), ("xase-server", server_app)):
        sections += _command(name, typer.main.get_command(app))
    for name, meanings in (("xase", MEANING), ("xase-server", SERVER_MEANING)):
        codes = table(["code", "means"], ([str(int(code)), meaning] for code, meaning in meanings.items()))
        sections += [f"## Exit codes of `{name}`", codes]
    return page("Command lines", "the commands themselves", *sections)


def _command(path: str, command: Any) -> list[str]:
    if not hasattr(command, "list_commands"):
        return [f"## {path}", command.help or "", *_options(command)]
    context = typer.Context(command)
    children = [(n, command.get_command(context, n)) for n in command.list_commands(context)]
    nested = [section for n, child in children if child for section in _command(f"{path} {n}", child)]
    return [f"## {path}", command.help or "", *nested]


def _options(command: Any) -> list[str]:
    rows = [[_spelling(p), getattr(p, "help", None) or ""] for p in command.params if not getattr(p, "hidden", False)]
    return [table(["argument", "meaning"], rows)] if rows else []


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])


PAGES: Final[dict[str, Callable[[], str]]] = {
    "commands.md": commands,
    "endpoints.md": endpoints,
    "errors.md": errors,
    "scopes.md": scopes,
    "settings.md": settings,
}


def main() -> int:
    """Write the pages; with `--check`, only name those that differ."""
    stale = []
    for name, make in PAGES.items():
        file, text = REFERENCE / name, make()
        if file.exists() and file.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            file.write_text(text)
    if stale and "--check" in sys.argv:
        print(f"docs/reference: {', '.join(stale)} no longer match the code; run: make fix", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
