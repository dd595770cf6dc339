"""One anonymisation, from a version to the folder of another, as the converting process does it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct, structs

from xase_server.datasets.anonymity.classes import Held, Need, Profiles, classes
from xase_server.datasets.anonymity.columns import Codes, Column, Flags, read_column
from xase_server.datasets.anonymity.levels import Level, Wish, changes, levels
from xase_server.datasets.anonymity.risk import Figures, risk_of
from xase_server.datasets.anonymity.search import Look, fitted, search
from xase_server.datasets.bounds import Bounds
from xase_server.datasets.finish import finish
from xase_server.datasets.folder import DATA, read_found, read_schema
from xase_server.datasets.types import arrow_schema
from xase_server.datasets.writer import VersionWriter
from xase_server.ports.datasets import Anonymity, Found, IngestProblem, RiskQuestion
from xase_server.query.schema import Kind, Scalar, Schema, resolve

_BATCH_ROWS: Final = 1 << 16
_DROPPED: Final[Wish] = {"op": "drop"}

Report = Callable[[int, int], None]


class AnonymityJob(Struct, frozen=True, kw_only=True, tag="anonymise"):
    """What to anonymise, and into which folder; `base` is the folder of the version that is made less telling."""

    base: str
    folder: str
    wish: Anonymity
    bounds: Bounds

    @property
    def source(self) -> str:
        """The file that is read."""
        return str(Path(self.base) / DATA)


def anonymise(job: AnonymityJob, report: Report) -> Found:
    """Make the files of a version in which every class holds what was asked for, but for its database.

    They and their names are durable on return; `risk` is computed of what was written. Raises IngestProblem
    when no choice of steps holds, or what was written does not.
    """
    file, schema, wish = Path(job.source), read_schema(read_found(Path(job.base))), job.wish
    records = _Records(file, schema, wish, report)
    chosen = search(records.profiles, records.steps, int(wish.suppression_max * records.count))
    if chosen is None:
        raise IngestProblem(f"{_asked(wish)} cannot be reached with at most {wish.suppression_max:.1%} left out")
    keep = records.kept(chosen)
    if not keep.any():
        raise IngestProblem("Nothing would be left of the data")
    found = _written(job, schema, records.wishes(chosen), keep, report)
    figures = verified(Path(job.folder) / DATA, wish, records.persons(keep))
    return structs.replace(found, risk={**figures, **records.said(chosen)})


class _Records:
    """A version's records, but for those withheld: what they are alike in, and what classes need."""

    def __init__(self, file: Path, schema: Schema, wish: Anonymity, report: Report) -> None:
        self._wish = wish
        question = wish.question
        self.present: Flags = np.ones(pq.read_metadata(file).num_rows, np.bool_)
        self.present[np.asarray(wish.withheld, np.int64)] = False
        self.count = int(self.present.sum())
        if not self.count:
            raise IngestProblem("There is no record that may be used")
        fields = []
        for path in question.quasi_identifiers:
            fields.append(read_column(file, path).of(self.present))
            report(0, 0)
        self.steps = fitted(
            [_steps(column, schema, path) for column, path in zip(fields, question.quasi_identifiers, strict=True)]
        )
        self._persons = None if question.subject is None else read_column(file, question.subject).of(self.present)
        self._profile, self.profiles = _profiles(fields, self._needs(file), wish, self._persons)

    def _needs(self, file: Path) -> list[tuple[Column, int]]:
        needs = [] if self._persons is None else [(self._persons, self._wish.k)]
        if self._wish.l is not None:
            paths = self._wish.question.sensitive
            needs += [(read_column(file, path).of(self.present), self._wish.l) for path in paths]
        return needs

    def kept(self, chosen: Look) -> Flags:
        """Which of all records are in a class that has what it needs."""
        keep = self.present.copy()
        keep[self.present] = chosen.good[chosen.joined][self._profile]
        return keep

    def persons(self, keep: Flags) -> Column | None:
        """Whose the records are that are kept."""
        return None if self._persons is None else self._persons.of(keep[self.present])

    def wishes(self, chosen: Look) -> dict[str, Wish]:
        """What becomes of each field that changes, by path."""
        taken = zip(self._wish.question.quasi_identifiers, self.steps, chosen.choice, strict=True)
        return {path: wish for path, steps, step in taken if (wish := steps[step].wish) is not None}

    def said(self, chosen: Look) -> Figures:
        """How it was done: the asked, the lost and each field's step, as the report tells it."""
        wish = self._wish
        taken = zip(wish.question.quasi_identifiers, self.steps, chosen.choice, strict=True)
        return {
            "asked": {"k": wish.k, "suppression_max": wish.suppression_max} | ({"l": wish.l} if wish.l else {}),
            "levels": {
                path: {"level": step, "of": len(steps) - 1, "transform": steps[step].wish}
                for path, steps, step in taken
            },
            "removed": list(wish.removed),
            "withheld": len(wish.withheld),
            "suppressed": chosen.suppressed,
            "suppressed_share": chosen.suppressed / self.count,
            "loss": chosen.loss,
        }


def _steps(column: Column, schema: Schema, path: str) -> tuple[Level, ...]:
    type_ = resolve(schema, tuple(path.split(".")), in_filter=False)
    assert isinstance(type_, Scalar) and type_.kind is not Kind.JSON, "looked at before the job began"  # noqa: PT018
    return levels(column.values, type_.kind, np.bincount(column.codes, minlength=len(column.values)))


def _profiles(
    fields: Sequence[Column], needs: Sequence[tuple[Column, int]], wish: Anonymity, persons: Column | None
) -> tuple[Codes, Profiles]:
    """The profile of each record, and all profiles. Where persons are known they are counted, and not records."""
    profile, count = classes([field.codes for field in fields], [len(field.values) for field in fields])
    first = np.zeros(count, np.int64)
    first[profile[::-1]] = np.arange(len(profile))[::-1]
    return profile, Profiles(
        codes=tuple(field.codes[first] for field in fields),
        records=np.bincount(profile, minlength=count),
        least=wish.k if persons is None else 1,
        needs=tuple(Need(Held.of(profile, column), least) for column, least in needs),
    )


def _written(job: AnonymityJob, schema: Schema, wishes: dict[str, Wish], keep: Flags, report: Report) -> Found:
    transforms = changes(wishes | dict.fromkeys(job.wish.removed, _DROPPED), schema)
    writer = VersionWriter(Path(job.folder), arrow_schema(transforms.schema))
    start = 0
    with pq.ParquetFile(job.source) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            numbers = np.arange(start, start + batch.num_rows)
            table = transforms.apply(pa.Table.from_batches([batch]), numbers)
            for piece in table.filter(pa.array(keep[numbers])).to_batches():
                writer.add(piece)
            start += batch.num_rows
            report(start, 0)
    return finish(Path(job.folder), writer, transforms.schema, None)


def verified(file: Path, wish: Anonymity, persons: Column | None) -> Figures:
    """The figures of what was written; raises IngestProblem unless it holds what was asked for."""
    question = RiskQuestion(wish.question.quasi_identifiers, wish.question.sensitive)
    figures = risk_of(file, question, persons)
    if figures["k"] < wish.k or (wish.l is not None and figures["l"] < wish.l):
        raise IngestProblem(f"What was written does not hold {_asked(wish)}: a defect of the server")
    return figures


def _asked(wish: Anonymity) -> str:
    return f"k = {wish.k}" + (f" with l = {wish.l}" if wish.l else "")
