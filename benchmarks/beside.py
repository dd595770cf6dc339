"""The same four tasks by other tools, in the same run: find, group, look up, stream.

The others work on data in the memory of their own process, or read the same Parquet file; Xase answers over HTTP, with
an entry in the ledger before each answer. What would take too long works on a sample, and says so.
"""

import os
import random
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import patients
from benchmarks.measure import Result, number_text, seconds
from benchmarks.options import Options
from benchmarks.readers import ARROW, Chunked, Holder, holder
from benchmarks.tools import OTHERS, Skipped, Task, Tool, mingo

ENCOUNTERS = Path(__file__).parents[2] / "shared" / "data" / "uci_diabetes130" / "diabetes130.parquet"
"""101,766 hospital encounters beside the repository, or where XASE_BENCH_TABLE says; left out where they are not."""

OF_PATIENTS = Task(equal=("diagnosis", "diabetes"), least="age", start=20, sort="age", group="diagnosis", mean="age")
OF_ENCOUNTERS = Task(
    equal=("gender", "Female"),
    least="num_medications",
    start=5,
    sort="time_in_hospital",
    group="race",
    mean="num_lab_procedures",
)
LOOK_UPS = 20

T = TypeVar("T")


def run(options: Options) -> list[Result]:
    """A line for each task: what Xase took, and beside it the others."""
    with tempfile.TemporaryDirectory() as name, holder(Path(name)) as at:
        file = Path(name) / "patients.parquet"
        patients.write(file, options.records)
        results = list(_compared(at, file, OF_PATIENTS, "patients", options))
        table = Path(os.environ.get("XASE_BENCH_TABLE", ENCOUNTERS))
        if table.is_file() and not options.quick:
            file = Path(name) / "encounters.parquet"
            pq.write_table(_identified(pq.read_table(table)), file)
            results += _compared(at, file, OF_ENCOUNTERS, "encounters", options)
        return results


def _identified(table: pa.Table) -> pa.Table:
    """The encounters with their ids under the name that ids have."""
    ids = table.column("encounter_id").cast(pa.string())
    return table.drop_columns(["encounter_id"]).add_column(0, "record_id", ids)


def _compared(at: Holder, file: Path, task: Task, what: str, options: Options) -> Iterator[Result]:
    column, chance = pq.read_table(file, columns=["record_id"]).column(0), random.Random(1)
    ids = [column[chance.randrange(len(column))].as_py() for _ in range(LOOK_UPS)]
    left_out: list[str] = []
    with ExitStack() as stack:
        tools = [xase(at, file, task)]
        for open_ in OTHERS:
            if options.quick and open_ is mingo:  # it is fetched, and a quick run asks no network
                continue
            try:
                tools.append(stack.enter_context(open_(file, task)))
            except Skipped as reason:
                left_out.append(str(reason))
        for title, unit, run in _tasks(ids, options.rounds):
            took = {tool.name: run(tool) for tool in tools}
            ours = took.pop("Xase")
            beside = " · ".join(f"{name} {number_text(value)}" for name, value in took.items() if value is not None)
            assert ours is not None, "it does everything"
            yield Result(f"{len(column):,} {what}: {title}", ours, unit, "", beside)
    if left_out:
        yield Result(f"{what}: tools left out", len(left_out), "", "", "; ".join(left_out))


def _tasks(ids: list[str], rounds: int) -> Iterator[tuple[str, str, Callable[[Tool], float | None]]]:
    """Each with its unit; none of the questions comes twice, so that nobody can remember the answer."""
    yield "find, sort, first 100", "ms", lambda tool: _median(tool.find, range(rounds + 1))
    yield "group, count, mean", "ms", lambda tool: _median(tool.group, range(rounds + 1))
    yield "a record by its id", "ms", lambda tool: None if tool.look_up is None else _median(tool.look_up, ids)
    yield "all in batches", "million records/s", lambda tool: _rate(tool.stream, rounds)


def _median(work: Callable[[T], object], asked: Iterable[T]) -> float:
    """Milliseconds; the first one is to warm up."""
    return statistics.median([seconds(lambda each=each: work(each)) for each in asked][1:]) * 1e3


def _rate(stream: Callable[[], int], rounds: int) -> float:
    rates = []
    for _ in range(rounds):
        rows: list[int] = []
        took = seconds(lambda rows=rows: rows.append(stream()))
        rates.append(rows[0] / took / 1e6)
    return statistics.median(rates)


def xase(at: Holder, file: Path, task: Task) -> Tool:
    """Ours, in one session."""
    session = at.session(at.dataset(file.name))

    def stream() -> int:
        with at.bulk(session, ARROW) as connection, connection.makefile("rb") as answer:
            return sum(batch.num_rows for batch in pa.ipc.open_stream(Chunked(answer)))

    return Tool(
        "Xase",
        find=lambda number: at.ask(
            "POST", f"{session}/filter", {"filter": task.filter(number), "sort": {task.sort: -1}, "limit": 100}
        ),
        group=lambda number: at.ask("POST", f"{session}/aggregate", {"pipeline": task.pipeline(number)}),
        look_up=lambda record_id: at.ask("GET", f"{session}/records/{record_id}"),
        stream=stream,
    )
