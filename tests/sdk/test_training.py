"""The dataset for PyTorch against the real server; where torch is not installed, what it reads from."""

from dataclasses import replace
from importlib.util import find_spec

import pytest

import xase
from tests.sdk.conftest import PATIENTS
from xase._client.loading import Reading
from xase.training.order import Run

IDS = {row["record_id"] for row in PATIENTS}
NEEDS_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed: it is large")


@pytest.fixture
def client(options):
    with xase.Client(**options) as client:
        yield client


@pytest.fixture
def session(client, patients):
    return client.access(dataset=patients, purpose="model-training")


@pytest.fixture(params=[True, False], ids=["arrow", "json"])
def reading(client, session, request):
    path = f"/sessions/{session.id}/stream"
    return Reading(client._exchange.config, path, {"fields": "age"}, 32, is_bulk=request.param)


def test_readers_share_a_keyed_order(reading):
    shares = [[record.record_id for record in reading(Run(seed=5).shared_by(3).share(n))] for n in range(3)]
    assert [len(share) for share in shares] == [84, 83, 83]
    assert {*shares[0], *shares[1], *shares[2]} == IDS


def test_a_share_goes_on_behind_what_was_taken(reading):
    whole = [record.record_id for record in reading(Run(seed=5).share(0))]
    run = Run(seed=5)
    for _ in range(100):
        run = run.after(0)
    assert [record.record_id for record in reading(run.share(0))] == whole[100:]
    for _ in range(150):
        run = run.after(0)
    assert list(reading(run.share(0))) == []


def test_a_transport_of_the_callers_own_feeds_no_other_process(reading):
    elsewhere = replace(reading, transport=object(), process=0)
    with pytest.raises(xase.ConfigurationError, match="num_workers=0"):
        next(elsewhere(Run().share(0)))


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_it_says_what_to_install(session):
    with pytest.raises(xase.ConfigurationError, match=r"xase\[torch\]"):
        session.dataset()


@NEEDS_TORCH
def test_a_dataset_resumes_exactly(session):
    dataset = session.dataset(seed=3, fields="age", convert=lambda record: record.record_id)
    items = iter(dataset)
    first = [next(items) for _ in range(70)]
    items.close()
    again = session.dataset(fields="age", convert=lambda record: record.record_id)
    again.load_state_dict(dataset.state_dict())
    rest = list(again)
    assert len(first) + len(rest) == len(IDS)
    assert {*first, *rest} == IDS


@NEEDS_TORCH
def test_workers_share_the_records(session):
    from torch.utils.data import DataLoader

    dataset = session.dataset(seed=3, fields="age")
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context="spawn")
    came = [record.record_id for record in loader]
    assert len(came) == len(IDS)
    assert set(came) == IDS
