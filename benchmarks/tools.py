"""Other tools, each opened on a Parquet file to do the four tasks of `benchmarks.beside`."""

import importlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BATCH = 10_000
FEW = 5_000
"""Records for what holds each as an object of Python."""

SOME = 50_000
"""Records for what holds each as an object of JavaScript."""


class Skipped(Exception):
    """The tool cannot be had here; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class Task:
    """A filter (`equal`, and at least so much of `least`), what to sort and group by, and what to take the mean of."""

    equal: tuple[str, str]
    least: str
    start: int
    sort: str
    group: str
    mean: str

    def filter(self, number: int) -> Mapping[str, Any]:
        """The filter of one round."""
        return {self.equal[0]: self.equal[1], self.least: {"$gte": self.start + number}}

    def pipeline(self, number: int) -> list[Mapping[str, Any]]:
        """The aggregation of one round."""
        sums = {"count": {"$sum": 1}, "mean": {"$avg": f"${self.mean}"}}
        return [
            {"$match": {self.least: {"$gte": self.start + number}}},
            {"$group": {"_id": f"${self.group}", **sums}},
            {"$sort": {"_id": 1}},
        ]


@dataclass(frozen=True, slots=True)
class Tool:
    """What is timed. `find` and `group` take the number of the round; `stream` gives how many records came."""

    name: str
    find: Callable[[int], object]
    group: Callable[[int], object]
    look_up: Callable[[str], object] | None
    stream: Callable[[], int]


@contextmanager
def polars(file: Path, task: Task) -> Iterator[Tool]:
    """Everything in memory."""
    pl = _imported("polars")
    rows = pl.read_parquet(file)

    def asked(number: int) -> Any:
        return pl.col(task.least) >= task.start + number

    yield Tool(
        "polars",
        find=lambda n: (
            rows.filter((pl.col(task.equal[0]) == task.equal[1]) & asked(n))
            .sort(task.sort, descending=True)
            .head(100)
            .to_dicts()
        ),
        group=lambda n: rows.filter(asked(n)).group_by(task.group).agg(pl.len(), pl.mean(task.mean)).to_dicts(),
        look_up=lambda name: rows.filter(pl.col("record_id") == name).to_dicts(),
        stream=lambda: sum(each.height for each in rows.iter_slices(BATCH)),
    )


@contextmanager
def pandas(file: Path, task: Task) -> Iterator[Tool]:
    """Everything in memory, with an index over the ids."""
    rows = _imported("pandas").read_parquet(file)
    by_id = rows.set_index("record_id")

    def asked(number: int) -> Any:
        return rows[task.least] >= task.start + number

    yield Tool(
        "pandas",
        find=lambda n: (
            rows[(rows[task.equal[0]] == task.equal[1]) & asked(n)]
            .sort_values(task.sort, ascending=False)
            .head(100)
            .to_dict("records")
        ),
        group=lambda n: rows[asked(n)].groupby(task.group)[task.mean].agg(["count", "mean"]),
        look_up=lambda name: by_id.loc[name].to_dict(),
        stream=lambda: sum(len(rows.iloc[at : at + BATCH]) for at in range(0, len(rows), BATCH)),
    )


@contextmanager
def pyarrow(file: Path, task: Task) -> Iterator[Tool]:
    """Everything in memory but for the stream, which reads the file."""
    rows = pq.read_table(file)

    def asked(number: int) -> Any:
        return pc.field(task.least) >= task.start + number

    def find(number: int) -> object:
        found = rows.filter((pc.field(task.equal[0]) == task.equal[1]) & asked(number))
        return found.take(pc.sort_indices(found, sort_keys=[(task.sort, "descending")])[:100]).to_pylist()

    def group(number: int) -> object:
        groups = rows.filter(asked(number)).group_by(task.group)
        return groups.aggregate([(task.mean, "mean"), ([], "count_all")]).to_pylist()

    def stream() -> int:
        with pq.ParquetFile(file) as opened:
            return sum(batch.num_rows for batch in opened.iter_batches(batch_size=BATCH))

    yield Tool("pyarrow", find, group, lambda name: rows.filter(pc.field("record_id") == name).to_pylist(), stream)


@contextmanager
def hugging_face(file: Path, task: Task) -> Iterator[Tool]:
    """Streaming from the file; it has neither an order nor groups nor ids, so these are Python over its batches."""
    rows = _imported("datasets").load_dataset("parquet", data_files=str(file), split="train", streaming=True)
    batches = rows.with_format("arrow")

    def found(condition: Any) -> pa.Table:
        return pa.concat_tables(each.filter(condition) for each in batches.iter(batch_size=BATCH))

    def find(number: int) -> object:
        least = pc.field(task.least) >= task.start + number
        table = found((pc.field(task.equal[0]) == task.equal[1]) & least)
        return table.take(pc.sort_indices(table, sort_keys=[(task.sort, "descending")])[:100]).to_pylist()

    def group(number: int) -> object:
        table = found(pc.field(task.least) >= task.start + number).group_by(task.group)
        return table.aggregate([(task.mean, "mean"), ([], "count_all")]).to_pylist()

    yield Tool(
        "Hugging Face datasets, streaming",
        find,
        group,
        look_up=None,
        stream=lambda: sum(each.num_rows for each in batches.iter(batch_size=BATCH)),
    )


@contextmanager
def mongomock(file: Path, task: Task) -> Iterator[Tool]:
    """Objects of Python: a sample."""
    rows = _imported("mongomock").MongoClient().db.rows
    rows.insert_many(pq.read_table(file).slice(0, FEW).to_pylist())
    count = rows.count_documents({})
    yield Tool(
        f"mongomock ({count:,} of them)",
        find=lambda n: list(rows.find(task.filter(n)).sort(task.sort, -1).limit(100)),
        group=lambda n: list(rows.aggregate(task.pipeline(n))),
        look_up=lambda name: rows.find_one({"record_id": name}),
        stream=lambda: sum(1 for _ in rows.find()),
    )


SCRIPT = """
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { Query, aggregate } from "mingo";
const rows = readFileSync(process.argv[2], "utf8").trimEnd().split("\\n").map((line) => JSON.parse(line));
const tasks = {
  find: ({ filter, sort }) => new Query(filter).find(rows).sort(sort).limit(100).all().length,
  group: ({ pipeline }) => aggregate(rows, pipeline).length,
  look_up: ({ filter }) => new Query(filter).find(rows).limit(1).all().length,
  stream: () => new Query({}).find(rows).all().length,
};
console.log("ready");
createInterface({ input: process.stdin }).on("line", (line) => {
  const asked = JSON.parse(line);
  console.log(tasks[asked.task](asked));
});
"""


@contextmanager
def mingo(file: Path, task: Task) -> Iterator[Tool]:
    """Objects of JavaScript, in a process of Node.js: a sample."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Skipped("mingo, because there is no Node.js here")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = ["npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund", "mingo"]
        command += ["--fetch-retries=0", "--fetch-timeout=20000"]  # without a network it is to fail soon
        if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
            raise Skipped("mingo, because npm could not fetch it")
        sample = pq.read_table(file).slice(0, SOME).to_pylist()
        (folder / "rows.ndjson").write_text("".join(f"{json.dumps(row)}\n" for row in sample))
        (folder / "bench.mjs").write_text(SCRIPT)
        with _node(folder) as ask:
            yield Tool(
                f"mingo ({len(sample):,} of them)",
                find=lambda n: ask("find", filter=task.filter(n), sort={task.sort: -1}),
                group=lambda n: ask("group", pipeline=task.pipeline(n)),
                look_up=lambda record_id: ask("look_up", filter={"record_id": record_id}),
                stream=lambda: ask("stream"),
            )


@contextmanager
def _node(folder: Path) -> Iterator[Callable[..., int]]:
    """Asks the script: a line there, a line back."""
    command = ["node", "bench.mjs", "rows.ndjson"]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise Skipped("mingo, because Node.js could not run it")
        inward, outward = process.stdin, process.stdout

        def ask(task: str, **said: Any) -> int:
            inward.write(json.dumps({"task": task, **said}) + "\n")
            return int(outward.readline())

        yield ask
        inward.close()


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Skipped(f"{name}, because it is not installed") from None


OTHERS: tuple[Callable[[Path, Task], AbstractContextManager[Tool]], ...] = (
    polars,
    pandas,
    pyarrow,
    hugging_face,
    mongomock,
    mingo,
)
