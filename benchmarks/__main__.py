"""`python -m benchmarks`: every benchmark, one table.

python -m benchmarks                       all of them
python -m benchmarks ledger http           some of them
python -m benchmarks --quick               does everything run? (figures mean nothing)
python -m benchmarks --records 10000000    lists and proofs on a larger store, data of a larger dataset
python -m benchmarks --write PAGE          put the table between the marks of this page
python -m benchmarks --check               exit 1 when a bound is not kept
"""

import argparse
import importlib
import os
import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Result, number_text
from benchmarks.options import Options

TITLES = {
    "ledger": "Appending to the ledger",
    "http": "HTTP, one server process on one core",
    "lists": "Reading a large store",
    "proofs": "Proving, auditing and verifying",
    "data": "Data in sessions, over HTTP",
    "beside": "Beside other tools",
    "delivery": "From rows to bytes, to a socket",
    "postgres": "PostgreSQL",
    "queries": "Querying a dataset",
    "policy": "Policies",
    "ingest": "Data sets",
    "transforms": "Transforms",
    "evidence": "The evidence of a session",
    "sessions": "Sessions, and what is asked about them",
    "start": "Starting",
}
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_SECTION = re.compile(r"^### (.+)\n((?:(?!### ).*\n?)*)", re.MULTILINE)

Table = tuple[str, Sequence[Result]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print it, and write it where that was asked for."""
    asked = _parser().parse_args(arguments)
    options = Options(
        quick=asked.quick,
        records=2_000 if asked.quick else asked.records,
        rounds=1 if asked.quick else asked.rounds,
        store=asked.store,
    )
    tables: list[Table] = []
    for name in asked.names or TITLES:
        tables.append((TITLES[name], importlib.import_module(f"benchmarks.{name}").run(options)))
        print(as_text(tables[-1]), flush=True)
    if asked.write:
        write(asked.write, tables, options)
    failed = [result.name for _, results in tables for result in results if result.kept is False]
    print("\n".join(["", f"{len(failed)} bounds not kept", *failed]) if failed else "\nevery bound kept")
    return int(asked.check and bool(failed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Every figure is measured in this run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TITLES), choices=[*TITLES, []])
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--records", type=int, default=1_000_000, help="records in the large store, and in datasets")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds; figures are medians over them")
    parser.add_argument("--store", type=Path, metavar="FOLDER", help="make the large store here, or use what is there")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    parser.add_argument("--check", action="store_true", help="exit 1 when a bound is not kept")
    return parser


def as_text(table: Table) -> str:
    """The table for a terminal."""
    title, results = table
    width = max(len(result.name) for result in results)
    lines = [f"\n{title}"]
    for result in results:
        verdict = {True: "kept", False: "NOT KEPT", None: ""}[result.kept]
        value = f"{number_text(result.value)} {result.unit}"
        lines.append(f"  {result.name:{width}}  {value:>12}  {result.bound:9} {verdict:9}{result.note}".rstrip())
    return "\n".join(lines)


def as_markdown(table: Table, options: Options) -> str:
    """The table for a page, with when and on what it was measured."""
    title, results = table
    when = f"{datetime.now(UTC).date().isoformat()}, {options.records:,} records, {options.rounds} rounds."
    rows = [f"### {title}", "", when, "", "| what | measured | wanted | |", "|---|--:|--:|---|"]
    for result in results:
        wanted = result.bound.replace(">=", "≥").replace("<=", "≤")
        remark = "; ".join(filter(None, ("**not kept**" if result.kept is False else "", result.note)))
        rows.append(f"| {result.name} | {number_text(result.value)} {result.unit} | {wanted} | {remark} |")
    return "\n".join(rows)


def machine() -> str:
    """The machine, in general terms."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, {python}"


def write(page: Path, tables: Sequence[Table], options: Options) -> None:
    """Put the tables between the marks of the page, in place of those of the same title; others stay."""
    before, _, rest = page.read_text().partition(BEGIN)
    written, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{page} has no {BEGIN} and {END}")
    sections = {title: f"### {title}\n{text.rstrip()}" for title, text in _SECTION.findall(written)}
    sections |= {table[0]: as_markdown(table, options) for table in tables}
    kept = [sections[title] for title in TITLES.values() if title in sections]
    page.write_text("\n\n".join((before + BEGIN, f"Measured on {machine()}.", *kept, END + after)))


if __name__ == "__main__":
    sys.exit(main())
