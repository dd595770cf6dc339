"""A session's evidence: a thousand releases of ten thousand records each, bundled and verified."""

import random
import resource
import statistics
from collections.abc import Iterator

from benchmarks.measure import Result, seconds
from benchmarks.options import Options
from scripts.vectorlog import trust
from scripts.vectorsessions import SessionLog, opened
from xase.proof.verify import verify_bundle

RECORDS = 10_000
DATASET = 1_000_000


def run(options: Options) -> list[Result]:
    """With runs, as streams release them, and with scattered numbers, as filters do."""
    releases = 20 if options.quick else 1_000
    return [*_measured("in runs", _runs(releases), options), *_measured("scattered", _scattered(releases), options)]


def _measured(how: str, log: SessionLog, options: Options) -> Iterator[Result]:
    releases = len(log.raws) - 5
    made: list[bytes] = []
    elapsed = seconds(lambda: made.append(log.pack()))
    note = f"{len(made[0]):,} bytes"
    yield Result(f"{releases:,} releases of {RECORDS:,} records {how}: bundled in", elapsed, "s", "<= 5", note)
    times = [seconds(lambda: _verify(made[0])) for _ in range(options.rounds)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Result(f"the same, {how}: verified in", statistics.median(times), "s", "<= 3", f"at most {memory:,.0f} MB")


def _verify(data: bytes) -> None:
    report = verify_bundle(data, trust())
    if not report.verified:
        raise RuntimeError(report.to_text())


def _runs(releases: int) -> SessionLog:
    log = opened()
    for number in range(releases):
        start = number * RECORDS % DATASET
        log.release(number, range(start, start + RECORDS))
    return _claimed(log)


def _scattered(releases: int) -> SessionLog:
    log, chance = opened(), random.Random(1)
    for number in range(releases):
        log.release(number, chance.sample(range(DATASET), RECORDS))
    return _claimed(log)


def _claimed(log: SessionLog) -> SessionLog:
    """The session with an operation on what the first release held."""
    first = log.line(4)
    body = {**first.body, "operation_type": "TRAIN", "unknown_count": 0, "model_id": "diagnostic-v1"}
    parts = {"records": _records(first.shown["records"])}
    log.append("operation", "op_0000000000000001", body, parts, stream=first.stream)
    return log


def _records(part: bytes) -> str:
    return part.decode().strip('"')
