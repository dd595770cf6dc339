"""Named SQL: statements live in files, each under a line `-- name: what_it_does`.

`shared.sql`, `objects.sql` and `webhooks.sql` hold what both databases understand; a dialect's own
files add what they do not. Values are named `:name`, or `?` in statements on many rows at once. A set of
numbers is written `@name` where a sub-select with one column `value` may stand, `{name}` for the text of
another statement, and `THEN JOIN` for a join that SQLite's planner must not turn around.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final

_HEADING: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT: Final = re.compile(r"--.*$", re.MULTILINE)
_SET: Final = re.compile(r"@(\w+)")
_VALUE: Final = re.compile(r"(?<!:):(\w+)")
_QUOTED: Final = re.compile(r"\{(\w+)\}")


def sqlite_statements() -> Mapping[str, str]:
    """Every statement in SQLite's words; a set arrives as a JSON array."""
    spelled = r"(SELECT value FROM json_each(:\1))"
    return {name: _for_sqlite(_SET.sub(spelled, text)) for name, text in _read("sqlite")}


def postgres_statements() -> Mapping[str, str]:
    """Every statement in the words of psycopg; a set arrives as an array, in binary."""
    return {name: _for_psycopg(text) for name, text in _read("postgres")}


def read_statements(file: str) -> dict[str, str]:
    """The statements of one file, as they are written there."""
    parts = _HEADING.split(files("xase_server.storage").joinpath("sql", file).read_text("utf-8"))
    return {name: _COMMENT.sub("", text).strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _for_sqlite(text: str) -> str:
    return text.replace("AS bytea", "AS blob").replace("THEN JOIN", "CROSS JOIN")


def _for_psycopg(text: str) -> str:
    text = text.replace("%", "%%").replace("?", "%b").replace("THEN JOIN", "JOIN")
    text = _SET.sub(r"(SELECT unnest(CAST(:\1 AS bigint[])) AS value)", text)
    return _VALUE.sub(r"%(\1)s", text)


def _read(dialect: str) -> Iterator[tuple[str, str]]:
    found: dict[str, str] = {}
    for file in (
        "shared.sql",
        "objects.sql",
        "webhooks.sql",
        *(f"{part}{dialect}.sql" for part in ("", "objects.", "tokens.")),
    ):
        found |= read_statements(file)
    for name, text in found.items():
        yield name, _QUOTED.sub(lambda quoted: found[quoted[1]], text)
