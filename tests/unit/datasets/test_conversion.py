"""The process that waits: it stays from job to job, does none itself, and nothing of it outlives its owner."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.files import write
from xase_server.datasets import Bounds, Converter, conversion
from xase_server.datasets.ingest.job import Job
from xase_server.ports.datasets import IngestProblem

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells this of a process")


@pytest.fixture(scope="module")
def processes() -> Iterator[list[conversion._Process]]:
    """Every process that was started; however busy the machine, none is ended by force."""
    started: list[conversion._Process] = []
    start = conversion._started

    def noted() -> conversion._Process:
        started.append(start())
        return started[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XASE_DATABASE", "postgresql://secret")
        patch.setattr(conversion, "_started", noted)
        patch.setattr(conversion, "_PATIENCE_SECONDS", 600)
        yield started


@pytest.fixture(scope="module")
def converter(processes) -> Iterator[Converter]:
    """The module's own converter."""
    converter = Converter()
    yield converter
    converter.close()
    assert [process for process in processes if process.returncode is None] == []


@pytest.fixture
def waiting(convert, converter) -> conversion._Process:
    """The process that waits, ready for a job."""
    convert()
    assert converter._waiting is not None
    return converter._waiting


@pytest.fixture
def convert(converter, tmp_path):
    """Converts some content within some bounds."""

    def call(content='{"a": 1}\n', bounds=Bounds(), progress=lambda progress: None, *, cancelled=False):  # noqa: B008
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        source = write(folder / "data.ndjson", content)
        job = Job(
            source=str(source),
            folder=str(folder),
            dataset_id="ds_test",
            format=None,
            id_field=None,
            base=None,
            bounds=bounds,
        )
        return converter.convert(job, progress, lambda: cancelled)

    return call


def is_there(process: conversion._Process) -> bool:
    """Whether it or its child is left."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_waits_for_one_job_after_the_other(convert, converter, waiting):
    for rows in (1, 2, 3):
        assert convert('{"a": 1}\n' * rows).rows == rows
        assert converter._waiting is waiting


def test_it_waits_on_after_data_that_cannot_be_read(convert, converter, waiting):
    with pytest.raises(IngestProblem, match="Line 1"):
        convert("no data\n")
    assert converter._waiting is waiting
    assert convert().rows == 1


def test_the_bounds_of_a_job_are_those_of_no_other(convert, converter, waiting):
    rows = "".join(f'{{"a": "some text {n}"}}\n' for n in range(20_000))
    with pytest.raises(IngestProblem) as refused:
        convert(rows, Bounds(written_bytes=50_000))
    assert refused.value.too_large
    assert converter._waiting is waiting
    assert convert(rows).rows == 20_000


def test_where_a_job_ends_its_child_another_process_takes_the_next(convert, waiting):
    with pytest.raises(IngestProblem):
        convert(bounds=Bounds(memory_bytes=1))  # not even a thread
    assert not is_there(waiting)
    assert convert().rows == 1


def test_cancelling_ends_the_process_and_its_child(convert, waiting):
    with pytest.raises(IngestProblem, match="cancelled"):
        convert(cancelled=True)
    assert not is_there(waiting)


def test_a_defect_of_who_is_told_ends_the_process_and_its_child(convert, waiting):
    with pytest.raises(ZeroDivisionError):
        convert(progress=lambda progress: 1 // 0)
    assert not is_there(waiting)


def test_who_sees_nothing_of_that_is_ended_by_force(convert, waiting, monkeypatch):
    monkeypatch.setattr(conversion, "_PATIENCE_SECONDS", 0)

    def stop(progress):
        os.killpg(waiting.pid, signal.SIGSTOP)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        convert(progress=stop)
    assert waiting.returncode == -signal.SIGKILL


def test_a_process_that_died_while_it_waited_is_replaced(convert, converter, waiting):
    waiting.kill()
    waiting.wait()
    assert convert().rows == 1
    assert converter._waiting is not waiting


def test_of_those_that_worked_at_the_same_time_one_waits(convert, processes, waiting):
    inner = []
    convert(progress=lambda progress: inner.append(convert().rows))
    assert inner
    assert [is_there(each) for each in processes].count(True) == 1


def test_none_waits_any_more_after_closing(converter, convert, waiting, monkeypatch):
    monkeypatch.setattr(converter, "_closed", False)
    converter.close()
    assert waiting.returncode == 0
    assert convert().rows == 1
    assert converter._waiting is None


@needs_proc
def test_it_forks_with_one_thread_only(waiting):
    assert "Threads:\t1\n" in Path(f"/proc/{waiting.pid}/status").read_text()


@needs_proc
def test_it_is_told_nothing_that_is_secret(waiting):
    environment = Path(f"/proc/{waiting.pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"secret" not in environment
