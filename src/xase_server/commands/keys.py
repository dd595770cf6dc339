"""`xase-server keys`: API keys of any organisation, made by the operator directly on the store.

Every change is an entry in the organisation's `admin` stream, as if it had come through the API.
"""

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec
import typer

from xase_server.commands.exits import ExitCode, Stop, spelt
from xase_server.commands.options import STORE, AsJson, with_settings
from xase_server.commands.output import emit, note, say, show_table
from xase_server.domain.api_keys import KeyRotation, NewKey
from xase_server.domain.decisions import Page
from xase_server.domain.explanation import explain
from xase_server.domain.principals import SCOPES, Principal
from xase_server.home import Home, write_private
from xase_server.ports import Reads
from xase_server.settings import Settings

if TYPE_CHECKING:
    from xase_server.services.keys import Keys

keys = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="API keys of any organisation.")

_OPERATOR: Final = "key_operator"
_ALL: Final = 1_000_000
_ENDS: Final = (("revoked", "revoked_at"), ("expires", "expires_at"))

T = TypeVar("T")
View = dict[str, Any]
Identifier = Annotated[str, typer.Argument(metavar="ID", help="The key's id: key_…")]
Organisation = Annotated[
    str | None, typer.Option(metavar="ORG", help="Whose keys: org_…; the organisation of the first start if not given.")
]
SecretFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the new key into this new file (0600), do not show it.")
]


@keys.command()
@with_settings(*STORE)
def create(
    *,
    settings: Settings,
    name: Annotated[str, typer.Option(help="What the key is for.")],
    email: Annotated[str, typer.Option(help="Who uses it.")],
    role: Annotated[str | None, typer.Option(help="What it may do, by role; or give --scope.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="What it may do, one scope; repeatable.")] = None,
    act_for: Annotated[list[str] | None, typer.Option(help="An e-mail it may speak for; repeatable.")] = None,
    expires_at: Annotated[str | None, typer.Option(metavar="TIME", help="When it stops working.")] = None,
    organisation: Organisation = None,
    output: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, also for an organisation that has none yet. The secret is shown once.

    The scope log:monitor, which reads the entry bundles of the whole log, can be given only here.
    """
    fields = {
        "name": name,
        "email": email,
        "role": role,
        "scopes": scope or None,
        "may_act_for": act_for or None,
        "expires_at": expires_at,
    }
    wish = _convert({field: value for field, value in fields.items() if value is not None}, NewKey)
    made = _work(settings, organisation, output, lambda keys, who: keys.create(who, wish, None)).body
    _hand_over(made, output, as_json=as_json)


@keys.command("list")
@with_settings(*STORE)
def list_(*, settings: Settings, organisation: Organisation = None, as_json: AsJson = False) -> None:
    """List an organisation's keys, newest first; no secrets."""
    rows, total, _ = _work(settings, organisation, None, lambda keys, who: keys.list(who, Page(_ALL)))
    if as_json:
        emit({"data": rows, "total": total})
        return
    show_table(("id", "name", "who", "role", "key", "created", "state"), map(_row, rows))


@keys.command()
@with_settings(*STORE)
def rotate(
    identifier: Identifier,
    *,
    settings: Settings,
    grace: Annotated[str, typer.Option(help="How long the old key goes on working: 24h, 90m, 7d.")] = "24h",
    organisation: Organisation = None,
    output: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Replace a key by a new one with the same rights. The secret is shown once."""
    wish = _convert({"grace": grace}, KeyRotation)
    made = _work(settings, organisation, output, lambda keys, who: keys.rotate(who, identifier, wish, None)).body
    _hand_over(made, output, as_json=as_json)


@keys.command()
@with_settings(*STORE)
def revoke(
    identifier: Identifier, *, settings: Settings, organisation: Organisation = None, as_json: AsJson = False
) -> None:
    """End a key for good; running servers refuse it within a second."""
    key = _work(settings, organisation, None, lambda keys, who: keys.revoke(who, identifier, None)).body
    if as_json:
        emit(key)
    else:
        note(f"{key['id']} was revoked at {key['revoked_at']}")


def _work(
    settings: Settings,
    organisation: str | None,
    output: Path | None,
    work: Callable[["Keys", Principal], Coroutine[Any, Any, T]],
) -> T:
    """Do something with an organisation's keys; the store is open only meanwhile."""
    if not Home(settings.home).has_keys():
        raise Stop(f"there is no server home in {settings.home}: `serve` makes one", ExitCode.USAGE)
    if output is not None and output.exists():
        raise Stop(f"{output} exists already", ExitCode.USAGE)
    if output is not None and not os.access(output.parent, os.W_OK):  # before a key is made that nobody would have
        raise Stop(f"{output} cannot be written", ExitCode.USAGE)
    from xase_server.app import create_app

    server = create_app(settings)
    try:
        whose = organisation or server.core.storage.read(_first_organisation)
        who = Principal(whose, _OPERATOR, settings.admin_email, None, frozenset(SCOPES))
        return asyncio.run(work(server.services.keys, who))
    finally:
        server.core.close()


def _first_organisation(reads: Reads) -> str:
    """The organisation of the first start: its admin key is the log's first entry."""
    (raw,) = reads.entries(0, 1)
    return str(json.loads(raw)["actor"]["organisation"])


def _convert(fields: Mapping[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise Stop(spelt(explain(fields, kind, error, "these options are not possible:")), ExitCode.USAGE) from error


def _hand_over(key: View, file: Path | None, *, as_json: bool) -> None:
    """Show a new key, its secret in the file if there is one."""
    secret = key["key"]
    if file is not None:
        write_private(file, f"{secret}\n".encode())
        key = {name: value for name, value in key.items() if name != "key"}
    if as_json:
        emit(key)
    else:
        note(f"{key['id']} for {key['email']}: the key is {f'in {file}' if file else 'shown this once, keep it now'}")
        if file is None:
            say(secret)


def _row(key: View) -> tuple[str, ...]:
    ends = [f"{word} {key[field]}" for word, field in _ENDS if field in key]
    state = ends[0] if ends else "works"
    return key["id"], key["name"], key["email"], key["role"] or "scopes", key["display"], key["created_at"], state
