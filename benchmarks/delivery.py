"""From rows to bytes: JSON by orjson over Python rows, and the Arrow stream by copying the same file to a socket."""

import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
import pyarrow as pa

from benchmarks.measure import Result, interleaved, median_ratio, seconds
from benchmarks.options import Options
from xase_server.delivery.bitmap import bitmap_of
from xase_server.delivery.chunks import MOST, Chunk
from xase_server.delivery.order import Permutation
from xase_server.delivery.records import json_records
from xase_server.delivery.shape import shape_of
from xase_server.delivery.wire import BULK
from xase_server.policy.contract import Contract
from xase_server.policy.sight import visible
from xase_server.query.projection import EVERYTHING
from xase_server.query.schema import FLOAT, INT, STRING, ListOf, struct

LABS = ("glucose", "bp_systolic", "bp_diastolic")
TYPES = struct(
    {
        "record_id": STRING,
        "patient_id": STRING,
        "age": INT,
        "diagnosis": STRING,
        "symptoms": ListOf(STRING),
        "treatments": ListOf(STRING),
        "lab_results": struct({**dict.fromkeys(LABS, INT), "a1c": FLOAT}),
    }
)
WORDS = pa.array(["diabetes", "hypertension", "fatigue", "thirst", "blurred vision", "insulin", "dietary changes"])
ARROW, NDJSON, CSV = BULK
BATCH = 65_536
ROWS_AS_PYTHON = 20_000


def run(options: Options) -> list[Result]:
    """On records of the documents' shape."""
    table = records(5_000 if options.quick else 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.arrow"
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=BATCH)
        return [*_json(table, options), *_bulk(file, options), *_numbers(options)]


def records(count: int) -> pa.Table:
    """Random records; a fifth of the laboratory values is missing."""
    chance = np.random.default_rng(1)
    labs: list[Any] = [pa.array(chance.integers(50, 300, count), mask=chance.random(count) < 0.2) for _ in LABS]
    labs.append(pa.array(chance.integers(40, 150, count) / 10))
    labs = [lab.take(pa.array(range(count))) for lab in labs]  # zeros below nulls, as Parquet is read
    words: list[Any] = []
    for _ in ("symptoms", "treatments"):
        offsets = np.concatenate([[0], np.cumsum(chance.integers(0, 4, count))]).astype(np.int32)
        words.append(pa.ListArray.from_arrays(offsets, WORDS.take(chance.integers(0, len(WORDS), offsets[-1]))))
    return pa.table(
        {
            "record_id": [f"rec_{number:08x}" for number in range(count)],
            "patient_id": [f"p{number}" for number in range(count)],
            "age": chance.integers(0, 100, count),
            "diagnosis": WORDS.take(pa.array(chance.integers(0, 2, count))),
            "symptoms": words[0],
            "treatments": words[1],
            "lab_results": pa.StructArray.from_arrays(labs, names=[*LABS, "a1c"]),
        }
    )


# ---------------------------------------------------------------- JSON


def _json(table: pa.Table, options: Options) -> Iterator[Result]:
    fields = frozenset({"record_id", "age", "diagnosis", "symptoms", "lab_results.a1c"})
    permitted = visible(Contract(fields=fields), TYPES)
    shape = shape_of(EVERYTHING, permitted)
    pages = [table.slice(start, 100) for start in range(0, min(table.num_rows, 20_000), 100)]
    part = table.slice(0, ROWS_AS_PYTHON)
    values = interleaved(
        options.rounds,
        {
            "ours": _rate(table.num_rows, lambda: json_records(table, TYPES)),
            "pylist": _rate(part.num_rows, lambda: orjson.dumps([_present(row) for row in part.to_pylist()])),
            "pages": _rate(len(pages), lambda: [json_records(shape.apply(page), shape.types) for page in pages]),
        },
    )
    yield Result("JSON: records per second", statistics.median(values["ours"]), "/s", ">= 150000")
    yield Result("JSON: by orjson over Python rows", median_ratio(values, "ours", "pylist"), "×", ">= 2")
    yield Result("page of 100 records, some fields of them", 1e6 / statistics.median(values["pages"]), "µs")


def _rate(count: int, work: Callable[[], object]) -> Callable[[], float]:
    return lambda: count / seconds(work)


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _present(each) for name, each in value.items() if each is not None}
    return [_present(each) for each in value] if isinstance(value, list) else value


# ---------------------------------------------------------------- bulk


def _bulk(file: Path, options: Options) -> Iterator[Result]:
    with pa.memory_map(str(file)) as mapped, Drain() as drain:
        whole = memoryview(mapped.read_buffer())
        copied = [whole[start : start + MOST] for start in range(0, len(whole), MOST)]
        reader = pa.ipc.open_file(mapped)
        batches = [pa.Table.from_batches([reader.get_batch(number)]) for number in range(reader.num_record_batches)]
        rows = sum(batch.num_rows for batch in batches)
        values = interleaved(
            options.rounds,
            {
                "raw": lambda: rows / drain.take(copied),
                ARROW: lambda: rows / drain.take(_stream(ARROW, batches)),
                NDJSON: lambda: rows / drain.take(_stream(NDJSON, batches)),
                CSV: lambda: rows / drain.take(_stream(CSV, batches)),
            },
        )
        rates = {name: statistics.median(rates) for name, rates in values.items()}
        note = f"{len(whole) / rows * rates[ARROW] / 1e9:.2f} GB/s"
        yield Result("Arrow: by copying the mapped file", median_ratio(values, ARROW, "raw"), "×", ">= 0.7", note)
        for title, media in (("Arrow", ARROW), ("NDJSON", NDJSON), ("CSV", CSV)):
            yield Result(f"{title}: records per second", rates[media], "/s")


def _stream(media: str, batches: Sequence[pa.Table]) -> Iterator[Chunk]:
    shape = shape_of(EVERYTHING, TYPES)
    encoder = BULK[media](shape.schema(batches[0].schema), TYPES)
    for number, batch in enumerate(batches):
        yield from encoder.batch(shape.apply(batch), {"batch_id": f"batch_{number}"})
    yield encoder.end()


READER = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    room = bytearray(1 << 20)
    while connection.recv_into(room):
        pass
"""


class Drain:
    """Another process that reads what is sent to it and throws it away."""

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._reader = subprocess.Popen([sys.executable, "-c", READER, str(server.getsockname()[1])])
            self._connection, _ = server.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._reader.wait()

    def take(self, chunks: Iterable[Chunk]) -> float:
        """How long sending takes."""
        return seconds(lambda: [self._connection.sendall(chunk) for chunk in chunks])


# ---------------------------------------------------------------- numbers


def _numbers(options: Options) -> Iterator[Result]:
    count = 10_000 if options.quick else 10_000_000
    order, half = Permutation(count, 7, 0), count // 2
    shuffled = order.numbers(half, half + BATCH)
    times = [seconds(lambda: order.numbers(half, half + BATCH)) for _ in range(options.rounds)]
    yield Result("training order: numbers per second", len(shuffled) / statistics.median(times), "/s")
    times = [seconds(lambda: order.numbers(half, half + 32)) for _ in range(options.rounds)]
    yield Result("training order: 32 numbers from the middle", statistics.median(times) * 1e6, "µs")
    times = [seconds(lambda: bitmap_of(shuffled)) for _ in range(options.rounds)]
    note = f"{len(bitmap_of(shuffled)):,} bytes"
    yield Result(f"bitmap of {len(shuffled):,} scattered numbers", statistics.median(times) * 1e3, "ms", note=note)
