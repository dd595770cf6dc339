"""Made-up patients in the shape of the source document's data record, as many as wanted, in columns."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PIECE = 100_000
DIAGNOSES = np.array(["diabetes", "hypertension", "asthma", "arthritis", "migraine", "anaemia"])
SYMPTOMS = np.array(["fatigue", "thirst", "blurred vision", "headache", "cough", "pain"])
TREATMENTS = np.array(["insulin", "dietary changes", "exercise", "inhaler"])


def piece(first: int, count: int, chance: np.random.Generator) -> pa.Table:
    """Patients `first` to `first` + `count` - 1."""
    numbers = range(first, first + count)
    results = {"glucose": chance.integers(70, 260, count), "a1c": np.round(chance.uniform(4, 12, count), 1)}
    return pa.table(
        {
            "record_id": [f"rec_{number:012x}" for number in numbers],
            "patient_id": [f"p{number * 7 % 1_000_003}" for number in numbers],
            "age": chance.integers(1, 99, count),
            "diagnosis": DIAGNOSES[chance.integers(0, 6, count)],
            "symptoms": lists(SYMPTOMS, count, chance),
            "treatments": lists(TREATMENTS, count, chance),
            "lab_results": pa.StructArray.from_arrays([pa.array(each) for each in results.values()], names=[*results]),
        }
    )


def lists(words: "np.ndarray[tuple[int], np.dtype[np.str_]]", count: int, chance: np.random.Generator) -> pa.ListArray:
    """Up to three words each."""
    offsets = np.concatenate([[0], np.cumsum(chance.integers(0, 4, count))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(words[chance.integers(0, len(words), offsets[-1])]))


def write(path: Path, count: int) -> None:
    """A Parquet file of so many patients."""
    chance = np.random.default_rng(1)
    first = piece(0, min(count, PIECE), chance)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for start in range(PIECE, count, PIECE):
            writer.write_table(piece(start, min(PIECE, count - start), chance))
