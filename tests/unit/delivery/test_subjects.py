"""Whom records are about, by whatever kind of field names them: alike is what a group takes for alike."""

import pyarrow as pa
import pytest

from xase_server.delivery.subjects import codes_of
from xase_server.query.schema import INT, JSON, STRING, ListOf, struct


@pytest.mark.parametrize(
    ("values", "type_", "entity", "codes"),
    [
        (["a", "b", None, "a", None], STRING, "x", [0, 1, 2, 0, 2]),
        ([3, 3, None, 1], INT, "x", [0, 0, 1, 2]),
        ([{"i": "a"}, None, {"i": None}, {"i": "a"}, {"i": "b"}], struct({"i": STRING}), "x.i", [0, 1, 1, 0, 2]),
        ([{"i": "a"}, {"i": "b"}, {"i": "a"}], struct({"i": STRING}), "x", [0, 1, 0]),
        ([["a"], ["a", "b"], [], None, ["a"]], ListOf(STRING), "x", [0, 1, 2, 3, 0]),
        ([[{"i": 1}], [{"i": 1}, {"i": 2}], [{"i": 1}]], ListOf(struct({"i": INT})), "x.i", [0, 1, 0]),
        (['{"i":1}', '{"i":1.0}', '"a"', None, '{"i":2,"k":3}'], JSON, "x.i", [0, 0, 1, 1, 2]),
    ],
)
def test_records_of_one_subject_have_one_code(values, type_, entity, codes):
    table = pa.table({"x": pa.array(values)})
    assert codes_of(table, struct({"x": type_}), entity).tolist() == codes
