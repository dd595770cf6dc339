"""What holds for every value: what is told of it is what the operation says, and no more."""

import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from xase_server.query.schema import BOOL, DATE, FLOAT, INT, STRING, ListOf, Scalar, Struct
from xase_server.transforms.compiled import compile_transforms
from xase_server.transforms.graphemes import graphemes
from xase_server.transforms.keys import Keys
from xase_server.transforms.masking import _masked
from xase_server.transforms.memo import Memory
from xase_server.transforms.numbered import Numbered
from xase_server.transforms.specs import Mask

MASTER = bytes(range(32))
KEYS = Keys(MASTER, "org_hospital", "ds_1", "sess_1")
ARROW: dict[Scalar, Any] = {
    STRING: pa.string(),
    INT: pa.int64(),
    FLOAT: pa.float64(),
    BOOL: pa.bool_(),
    DATE: pa.timestamp("ms", "UTC"),
}
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["Jos\u00e9", "Jose\u0301", "\u212b", "\u00c5", "A\u030a", "한", "\u1112\u1161\u11ab"]
)
INTS = st.integers(-(2**53), 2**53) | st.integers(-30, 130)
FLOATS = st.floats(-1e6, 1e6)
DATES = st.datetimes(datetime(1583, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000)
)
VALUES: dict[Scalar, st.SearchStrategy[Any]] = {
    STRING: TEXTS,
    INT: INTS,
    FLOAT: FLOATS,
    BOOL: st.booleans(),
    DATE: DATES,
}
WIDTHS = st.integers(1, 1_000)
KEPT = st.integers(0, 2)
DAYS = st.integers(1, 36_500)

SPECS: list[tuple[Scalar, st.SearchStrategy[dict[str, Any]]]] = [
    *((type_, st.fixed_dictionaries({"op": st.just("hash"), "domain": st.sampled_from(["grant", "dataset"])}))
      for type_ in (STRING, INT, BOOL, DATE)),
    *((type_, st.fixed_dictionaries({"op": st.just("mask"), "keep_first": KEPT, "keep_last": KEPT}))
      for type_ in (STRING, INT)),
    *((type_, st.just({"op": "redact"})) for type_ in ARROW),
    *((type_, WIDTHS.map(lambda width: {"op": "generalize", "width": width})) for type_ in (INT, FLOAT)),
    (DATE, st.sampled_from([{"op": "generalize", "part": part} for part in ("month", "quarter", "year")])),
    (STRING, st.integers(1, 4).map(lambda length: {"op": "generalize", "prefix": length})),
    *((type_, st.sets(st.integers(-50, 150), min_size=1).map(lambda edges: {"op": "bucketize", "edges": sorted(edges)}))
      for type_ in (INT, FLOAT)),
    (DATE, DAYS.map(lambda days: {"op": "date_shift", "subject": "who", "max_days": days})),
    *((type_, st.floats(0.1, 100).map(lambda scale: {"op": "noise", "scale": scale})) for type_ in (INT, FLOAT)),
]  # fmt: skip


@st.composite
def columns(draw) -> tuple[Scalar, dict[str, Any], list[Any], list[Any]]:
    """A type, a transform that fits it, values, and the subject of each."""
    type_, specs = draw(st.sampled_from(SPECS))
    values = draw(st.lists(st.none() | VALUES[type_], max_size=8))
    subjects = draw(st.lists(st.sampled_from(["p1", "p2", "p3"]), min_size=len(values), max_size=len(values)))
    return type_, draw(specs), values, subjects


def changed(
    type_: Scalar,
    spec: dict[str, Any],
    values: list[Any],
    *,
    keys: Keys = KEYS,
    subjects: list[Any] | None = None,
    numbers: list[int] | None = None,
) -> list[Any]:
    """What becomes of a column of rows with these subjects and record numbers."""
    schema = Struct((("value", type_), ("who", STRING)))
    table = pa.table(
        {"value": pa.array(values, ARROW[type_]), "who": pa.array(subjects or ["p"] * len(values), pa.string())}
    )
    places = np.array(range(len(values)) if numbers is None else numbers, np.int64)
    return list(compile_transforms({"value": spec}, schema, keys).apply(table, places).column("value").to_pylist())


def normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@given(st.lists(TEXTS, min_size=2, max_size=6), st.sampled_from(["grant", "dataset"]))
def test_hashes_are_equal_where_texts_are_and_only_there(texts, domain):
    hashes = changed(STRING, {"op": "hash", "domain": domain}, texts)
    for (one, first), (other, second) in combinations(zip(texts, hashes, strict=True), 2):
        assert (first == second) is (normal(one) == normal(other))


@given(st.lists(TEXTS, max_size=6), st.lists(TEXTS, max_size=6), st.text(min_size=1, max_size=4))
def test_what_two_sessions_received_cannot_be_joined(texts, others, session):
    theirs = Keys(MASTER, KEYS.organisation, KEYS.dataset_id, f"sess_2{session}")
    own = changed(STRING, {"op": "hash"}, texts)
    assert set(own).isdisjoint(changed(STRING, {"op": "hash"}, [*texts, *others], keys=theirs))
    shared = {"op": "hash", "domain": "dataset"}
    assert changed(STRING, shared, texts) == changed(STRING, shared, texts, keys=theirs)


@given(INTS, INTS, WIDTHS)
def test_a_band_tells_no_more_than_itself(one, other, width):
    first, second = changed(INT, {"op": "generalize", "width": width}, [one, other])
    assert (first == second) is (one // width == other // width)


@given(INTS, INTS, st.integers(1, 50), st.integers(-5, 0), st.integers(1, 5))
def test_beyond_its_ends_a_band_tells_nothing(one, other, width, lowest, highest):
    spec = {"op": "generalize", "width": width, "bottom": lowest * width, "top": highest * width}
    bands = [min(max(each // width, lowest - 1), highest) for each in (one, other)]
    first, second = changed(INT, spec, [one, other])
    assert (first == second) is (bands[0] == bands[1])


@given(FLOATS, st.integers(1, 100))
def test_a_band_of_fractions_holds_its_number(number, width):
    (label,) = changed(FLOAT, {"op": "generalize", "width": width}, [number])
    lower = int(label.split(".." if label.startswith("-") else "-")[0])
    assert lower <= number <= lower + width


@given(DATES, DATES, st.sampled_from(["month", "quarter", "year"]))
def test_a_part_of_a_date_tells_no_more_than_itself(one, other, part):
    months = {"month": 1, "quarter": 3, "year": 12}[part]
    first, second = changed(DATE, {"op": "generalize", "part": part}, [one, other])
    same = (one.year * 12 + one.month - 1) // months == (other.year * 12 + other.month - 1) // months
    assert (first == second) is same


@given(st.lists(INTS, min_size=2, max_size=6), st.sets(st.integers(-50, 150), min_size=1))
def test_a_bucket_tells_no_more_than_itself(numbers, edges):
    labels = changed(INT, {"op": "bucketize", "edges": sorted(edges)}, numbers)
    buckets = [sum(edge <= number for edge in edges) for number in numbers]
    for (one, first), (other, second) in combinations(zip(buckets, labels, strict=True), 2):
        assert (first == second) is (one == other)


@given(TEXTS, KEPT, KEPT)
def test_a_mask_tells_no_more_than_its_ends_and_length(text, first, last):
    (masked,) = changed(STRING, {"op": "mask", "keep_first": first, "keep_last": last, "char": "█"}, [text])
    kept = masked.split("█")
    assert len(normal(text)) == 0 or "█" in masked
    assert normal(text).startswith(kept[0])
    assert normal(text).endswith(kept[-1])


@given(
    st.lists(st.tuples(st.sampled_from(["p1", "p2", "Jos\u00e9", "Jose\u0301"]), DATES), max_size=8),
    DAYS,
    st.text(max_size=3),
)
def test_a_shift_is_one_for_each_subject_never_none_and_never_more_than_allowed(rows, most, session):
    subjects, dates = [normal(who) for who, _ in rows], [date for _, date in rows]
    spec = {"op": "date_shift", "subject": "who", "max_days": most}
    after = changed(DATE, spec, dates, subjects=[who for who, _ in rows])
    shifts = [moved - date for moved, date in zip(after, dates, strict=True)]
    assert all(timedelta() < abs(shift) <= timedelta(days=most) and not shift % timedelta(days=1) for shift in shifts)
    assert len(set(zip(subjects, shifts, strict=True))) == len(set(subjects))
    keys = Keys(MASTER, KEYS.organisation, KEYS.dataset_id, session)
    assert changed(DATE, spec, dates, subjects=[who for who, _ in rows], keys=keys) == after


@given(st.lists(FLOATS, max_size=6), st.floats(0.1, 100), st.text(max_size=3))
def test_noise_is_the_same_for_a_record_on_every_read(numbers, scale, session):
    spec = {"op": "noise", "scale": scale}
    after = changed(FLOAT, spec, numbers)
    assert after == changed(FLOAT, spec, numbers, keys=Keys(MASTER, KEYS.organisation, KEYS.dataset_id, session))
    backwards = list(range(len(numbers)))[::-1]
    assert changed(FLOAT, spec, numbers[::-1], numbers=backwards) == after[::-1]


@given(columns())
def test_every_operation_keeps_length_and_nulls(column):
    type_, spec, values, subjects = column
    after = changed(type_, spec, values, subjects=subjects)
    assert len(after) == len(values)
    if spec["op"] == "redact":
        assert set(after) <= {"[REDACTED]" if type_ == STRING else None}
    else:
        assert [each is None for each in after] == [each is None for each in values]


@given(columns(), st.integers(0, 8), st.integers(0, 8))
def test_a_part_of_the_rows_comes_out_as_in_the_whole(column, start, length):
    type_, spec, values, subjects = column
    part = slice(start, start + length)
    numbers = list(range(len(values)))[part]
    cut = changed(type_, spec, values[part], subjects=subjects[part], numbers=numbers)
    assert cut == changed(type_, spec, values, subjects=subjects)[part]


@st.composite
def versions(draw) -> tuple[dict[str, Any], pa.Table, list[int]]:
    """Transforms, the rows of a version with values alone, in objects and in lists; and some of its rows."""
    type_, specs = draw(st.sampled_from(SPECS))
    value = st.none() | VALUES[type_]
    of = draw(st.lists(value, min_size=1, max_size=4))
    row = st.tuples(
        st.sampled_from(of),
        st.none() | st.fixed_dictionaries({"value": st.sampled_from(of)}),
        st.none() | st.lists(st.sampled_from(of), max_size=3),
        st.none() | st.sampled_from(["p1", "p2", "Jos\u00e9", "Jose\u0301"]),
    )
    rows = draw(st.lists(row, max_size=12))
    arrow = ARROW[type_]
    schema = pa.schema(
        {"value": arrow, "object": pa.struct({"value": arrow}), "list": pa.list_(arrow), "who": pa.string()}.items()
    )
    table = pa.Table.from_pylist([dict(zip(schema.names, each, strict=True)) for each in rows], schema)
    wish = {"schema": type_, "specs": {path: draw(specs) for path in ("value", "object.value", "list")}}
    return wish, table, draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)) if rows else []


@given(versions(), st.integers(0, 12), st.integers(0, 12))
def test_values_looked_up_by_their_numbers_are_those_made_one_by_one(version, start, length):
    """For runs of rows and for rows in any order, whatever was looked up before."""
    wish, table, places = version
    type_ = wish["schema"]
    schema = Struct(
        (("value", type_), ("object", Struct((("value", type_),))), ("list", ListOf(type_)), ("who", STRING))
    )
    columns = {"value": table["value"], "object.value": pc.struct_field(table["object"], "value"), "who": table["who"]}
    numbered = {path: _numbered(column) for path, column in columns.items()}
    made = compile_transforms(wish["specs"], schema, KEYS, memory=Memory())
    stop = min(start + length, table.num_rows)
    for numbers in (np.array(places, np.int64), range(min(start, stop), stop), np.arange(table.num_rows)):
        rows = table.take(pa.array(np.array(numbers, np.int64)))
        plain = compile_transforms(wish["specs"], schema, KEYS).apply(rows, np.array(numbers, np.int64))
        coded = made.apply(rows, numbers, numbered.get)
        assert coded.schema == plain.schema
        assert coded.to_pylist() == plain.to_pylist()


def _numbered(column: "pa.ChunkedArray[Any]") -> Numbered:
    encoded = column.combine_chunks().dictionary_encode("encode")
    return Numbered(encoded.dictionary, encoded.indices.to_numpy())


@given(st.lists(st.none() | TEXTS | st.text("ab\r\n", max_size=8), max_size=8), KEPT, KEPT, st.sampled_from("*█"))
def test_a_mask_of_many_texts_is_that_of_each(texts, first, last, char):
    spec = {"op": "mask", "keep_first": first, "keep_last": last, "char": char}
    cut = texts[1:]
    alone = [changed(STRING, spec, [text])[0] for text in texts]
    assert changed(STRING, spec, texts) == alone
    assert changed(STRING, spec, cut) == alone[1:]
    wanted = Mask(keep_first=first, keep_last=last, char=char)
    assert alone == [None if text is None else _masked(graphemes(normal(text)), wanted) for text in texts]
