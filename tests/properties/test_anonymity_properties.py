"""Laws of `k_anonymize`, for whatever data: what was asked for holds in what is written, or nothing is written."""

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from xase_server.datasets import Bounds
from xase_server.datasets.anonymity.job import AnonymityJob, anonymise
from xase_server.datasets.folder import DATA
from xase_server.datasets.ingest.job import Job, run
from xase_server.ports.datasets import Anonymity, IngestProblem, RiskQuestion

FIELDS = ("age", "score", "zip", "born", "member")
COLUMNS = {
    "age": st.one_of(st.none(), st.integers(-5, 120), st.sampled_from([-(2**63), 2**63 - 1])),
    "score": st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1e300])),
    "zip": st.one_of(st.none(), st.sampled_from(["10115", "10117", "80331", "", "é1", "baker"])),
    "born": st.one_of(st.none(), st.integers(-(10**12), 10**12)),
    "member": st.one_of(st.none(), st.booleans()),
}
TYPES = {"age": pa.int64(), "score": pa.float64(), "zip": pa.string(), "born": pa.timestamp("ms"), "member": pa.bool_()}


@st.composite
def cases(draw) -> tuple[pa.Table, Anonymity]:
    count = draw(st.integers(1, 40))
    columns = {name: draw(st.lists(COLUMNS[name], min_size=count, max_size=count)) for name in FIELDS}
    table = pa.table({name: pa.array(columns[name], TYPES[name]) for name in FIELDS})
    for name, values in (("ill", st.sampled_from(["flu", "hiv", None])), ("who", st.integers(0, 20) | st.none())):
        found = pa.array(draw(st.lists(values, min_size=count, max_size=count)))
        table = table.append_column(name, found.cast(pa.string()))
    quasi = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True))
    persons = draw(st.booleans())
    wish = Anonymity(
        question=RiskQuestion(tuple(quasi), ("ill",), "who" if persons else None),
        k=draw(st.integers(2, 5)),
        l=draw(st.none() | st.just(2)),
        suppression_max=draw(st.sampled_from([0.0, 0.1, 0.5])),
        removed=("who",),
        withheld=tuple(draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True))),
    )
    return table, wish


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / DATA).to_pylist()


@given(cases())
def test_every_class_holds_what_was_asked_for_and_no_more_is_left_out_than_allowed(case):
    table, wish = case
    with tempfile.TemporaryDirectory() as name:
        base, folder = Path(name) / "base", Path(name) / "result"
        base.mkdir()
        folder.mkdir()
        pq.write_table(table, Path(name) / "source.parquet")
        source = str(Path(name) / "source.parquet")
        run(
            Job(
                source=source,
                folder=str(base),
                dataset_id="ds_a",
                format=None,
                id_field=None,
                base=None,
                bounds=Bounds(),
            ),
            lambda rows, size: None,
        )
        job = AnonymityJob(base=str(base), folder=str(folder), wish=wish, bounds=Bounds())
        try:
            found = anonymise(job, lambda rows, size: None)
        except IngestProblem:
            return
        check(rows_of(base), rows_of(folder), wish, found.risk)


def check(before: list[dict[str, Any]], after: list[dict[str, Any]], wish: Anonymity, risk: Any) -> None:
    kept = {row["record_id"] for row in after}
    left = [row for place, row in enumerate(before) if place not in wish.withheld]
    assert [row["record_id"] for row in left if row["record_id"] in kept] == [row["record_id"] for row in after]
    assert len(left) - len(after) == risk["suppressed"] <= wish.suppression_max * len(left)
    assert risk["withheld"] == len(wish.withheld)
    owners = {row["record_id"]: row["who"] for row in before}
    classes = defaultdict(list)
    for row in after:
        assert "who" not in row
        classes[tuple(repr(row[name]) for name in wish.question.quasi_identifiers)].append(row)
    for rows in classes.values():
        persons = {owners[row["record_id"]] for row in rows} - {None}
        assert (len(rows) if wish.question.subject is None else len(persons)) >= wish.k
        if wish.l is not None:
            assert len({row["ill"] for row in rows} - {None}) >= wish.l
    assert risk["classes"] == len(classes)
    others = [name for name in FIELDS if name not in wish.question.quasi_identifiers]
    untouched = {row["record_id"]: [row[name] for name in others] for row in before}
    assert all([row[name] for name in others] == untouched[row["record_id"]] for row in after)
