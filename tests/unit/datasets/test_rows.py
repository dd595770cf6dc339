import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xase_server.datasets.rows import Rows

COUNT = 1000


@pytest.fixture(scope="module")
def table():
    words = [None if n % 7 == 0 else "w" * (n % 50) for n in range(COUNT)]
    lists = [None if n % 5 == 0 else list(range(n % 4)) for n in range(COUNT)]
    return pa.table({"n": range(COUNT), "w": words, "l": lists, "s": [{"a": n, "b": str(n)} for n in range(COUNT)]})


@pytest.fixture(scope="module")
def rows(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.arrow"
    with pa.ipc.new_file(str(path), table.schema) as file:
        for start, size in ((0, 64), (64, 64), (128, 1), (129, 371), (500, 500)):
            file.write_table(table.slice(start, size))
    return Rows(path)


@given(st.lists(st.integers(0, COUNT - 1), max_size=60))
def test_rows_come_in_the_order_asked(rows, table, numbers):
    found = rows.take(np.array(numbers, np.int64))
    expected = table.take(pa.array(numbers, pa.int64()))
    assert found.to_pylist() == expected.to_pylist()
    assert rows.take(np.array(numbers, np.int64), ["s", "n"]).to_pylist() == expected.select(["s", "n"]).to_pylist()


@pytest.mark.parametrize("step", [1, -1, 7])
def test_many_rows_of_each_piece_come_in_the_order_asked(rows, table, step):
    numbers = np.arange(COUNT, dtype=np.int64)[::step]
    assert rows.take(numbers).to_pylist() == table.take(pa.array(numbers)).to_pylist()


@given(st.integers(0, COUNT), st.integers(0, COUNT + 50))
def test_a_slice_is_that_of_the_whole(rows, table, start, stop):
    assert rows.slice(start, stop).to_pylist() == table.slice(start, max(stop - start, 0)).to_pylist()
    assert rows.slice(start, stop, ["w"]).column_names == ["w"]


def test_a_slice_copies_nothing(rows):
    before = pa.total_allocated_bytes()
    kept = rows.slice(0, COUNT)
    assert kept.num_rows == COUNT
    assert pa.total_allocated_bytes() == before


@pytest.mark.parametrize("number", [-1, COUNT])
def test_a_number_without_a_row_is_an_error(rows, number):
    with pytest.raises(IndexError):
        rows.take(np.array([0, number], np.int64))


def test_an_unknown_column_is_an_error(rows):
    with pytest.raises(KeyError):
        rows.slice(0, 1, ["nope"])
    with pytest.raises(KeyError):
        rows.take(np.array([1], np.int64), ["nope"])
