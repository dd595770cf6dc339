"""Columns as tensors, with numpy's arrays in the place of torch's tensors where torch is not installed."""

import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from xase.models import Batch

ROWS = [
    {"record_id": "a", "age": 57, "score": 0.5, "is_smoker": True, "lab": {"glucose": 210}, "tags": ["x"]},
    {"record_id": "b", "score": 1.5, "is_smoker": False, "lab": {"glucose": 211}},
]


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    if find_spec("torch") is None:
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(tensor=np.array))


def test_numbers_are_tensors_and_everything_else_lists():
    found = Batch(ROWS, batch_id="b").to_torch()
    assert found["record_id"] == ["a", "b"]
    assert found["tags"] == [["x"], None]
    assert found["score"].tolist() == [0.5, 1.5]
    assert found["is_smoker"].tolist() == [True, False]
    assert found["lab.glucose"].tolist() == [210, 211]


def test_a_null_among_numbers_is_not_a_number():
    first, second = Batch(ROWS, batch_id="b").to_torch()["age"].tolist()
    assert first == 57.0
    assert np.isnan(second)
