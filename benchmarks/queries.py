"""The query language on a DuckDB file of the issue's shape, against the same questions in SQL written by hand."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

import duckdb

from benchmarks.measure import Result, interleaved, seconds
from benchmarks.options import Options
from xase_server.engines.duckdb import DuckDBEngine
from xase_server.engines.duckdb.connection import open_locked
from xase_server.query.parse import parse_find, parse_pipeline
from xase_server.query.schema import FLOAT, INT, STRING, struct
from xase_server.query.stages import Find, Pipeline

SCHEMA: Final = struct(
    {
        "patient_id": STRING,
        "age": INT,
        "diagnosis": STRING,
        "lab_results": struct({"glucose": FLOAT, "hba1c": FLOAT}),
    }
)
TABLE: Final = """
    CREATE TABLE records AS SELECT
        'p' || n AS patient_id,
        (18 + hash(n) % 72)::BIGINT AS age,
        ['E10', 'E11', 'I10', 'I25', 'J45', 'C50'][1 + (hash(n * 7) % 6)::INTEGER] AS diagnosis,
        {
            'glucose': CASE WHEN hash(n * 11) % 10 > 0 THEN 60 + (hash(n * 13) % 2400)::DOUBLE / 10 END,
            'hba1c': 4 + (hash(n * 17) % 90)::DOUBLE / 10
        } AS lab_results
    FROM range($records) AS rows(n)
"""
FILTER: Final = {
    "age": {"$gte": 50},
    "diagnosis": {"$in": ["E10", "E11"]},
    "$or": [{"lab_results.glucose": {"$gt": 180}}, {"lab_results.hba1c": {"$gte": 9}}],
}
PIPELINE: Final = [
    {"$match": {"age": {"$gte": 50}}},
    {"$group": {"_id": "$diagnosis", "count": {"$sum": 1}, "glucose": {"$avg": "$lab_results.glucose"}}},
    {"$sort": {"count": -1}},
]
WHERE: Final = """age >= 50 AND diagnosis IN ('E10', 'E11') AND (lab_results.glucose > 180 OR lab_results.hba1c >= 9)"""
NUMBERS_SQL: Final = f"SELECT rowid FROM records WHERE {WHERE} ORDER BY age DESC, rowid"
COUNT_SQL: Final = f"SELECT count(*) FROM records WHERE {WHERE}"
GROUP_SQL: Final = """
    SELECT diagnosis, count(*) AS count, avg(lab_results.glucose) FROM records
    WHERE age >= 50 GROUP BY diagnosis ORDER BY count DESC
"""


class Table:
    """The generated table in a file, asked through the engine and by hand, both on the same connection."""

    def __init__(self, folder: Path, records: int) -> None:
        path = folder / "dataset.duckdb"
        with duckdb.connect(str(path)) as making:
            making.execute(TABLE, {"records": records})
        self._connection = open_locked(path)
        self._find: Find = parse_find({"filter": FILTER, "sort": {"age": -1}}, SCHEMA)
        self._pipeline: Pipeline = parse_pipeline(PIPELINE, SCHEMA)
        self._warm = self.engine()

    def engine(self) -> DuckDBEngine:
        """An engine that knows no plan and no count yet."""
        return DuckDBEngine(self._connection, "records", SCHEMA)

    def runs(self) -> Mapping[str, Callable[[], float]]:
        """Every question, by the engine with its plan made, and by hand."""
        warm, find, pipeline = self._warm, self._find, self._pipeline
        work: dict[str, Callable[[], object]] = {
            "numbers": lambda: warm.numbers(find),
            "numbers by hand": lambda: self._connection.cursor().sql(NUMBERS_SQL).to_arrow_table(),
            "count by hand": lambda: self._connection.cursor().execute(COUNT_SQL).fetchall(),
            "aggregate": lambda: warm.aggregate(pipeline),
            "aggregate by hand": lambda: self._connection.cursor().execute(GROUP_SQL).fetchall(),
        }
        runs = {name: _timed(each) for name, each in work.items()}
        return {**runs, "count": self._counted, "count beside numbers": _timed(lambda: warm.count(find.filter))}

    def _counted(self) -> float:
        """A count that no query before has told, with the making of its plan."""
        engine = self.engine()
        return seconds(lambda: engine.count(self._find.filter))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    return lambda: seconds(work)


def parsing() -> float:
    """The time to read the find and the pipeline."""

    def read() -> Any:
        return parse_find({"filter": FILTER, "sort": {"age": -1}}, SCHEMA), parse_pipeline(PIPELINE, SCHEMA)

    return median(seconds(read) for _ in range(50))


def run(options: Options) -> list[Result]:
    """Numbers, count and aggregation, each as a multiple of SQL by hand."""
    with tempfile.TemporaryDirectory() as folder:
        table = Table(Path(folder), options.records)
        try:
            interleaved(1, table.runs())  # warm
            return list(_results(interleaved(options.rounds * 3, table.runs())))
        finally:
            table.close()


def _results(values: Mapping[str, list[float]]) -> Iterator[Result]:
    for name in ("numbers", "count", "aggregate"):
        ours, hand = (median(values[each]) * 1e3 for each in (name, f"{name} by hand"))
        note = f"{ours:.1f} ms, by hand {hand:.1f} ms; 1 ms is allowed for the work around the SQL"
        yield Result(f"query: {name} by SQL written by hand", (ours - 1) / hand, "×", "<= 1.3", note)
    beside = median(values["count beside numbers"]) * 1e3
    yield Result("query: count after its numbers", beside, "ms", "<= 1", "known from the numbers")
    yield Result("query: reading both from JSON", parsing() * 1e3, "ms", "<= 1")
