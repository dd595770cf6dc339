"""Sessions: what is looked at before each answer, and what is asked of a store of many deliveries afterwards."""

import asyncio
import random
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from pyroaring import BitMap64

from benchmarks.http import serving
from benchmarks.measure import Result, percentile, seconds
from benchmarks.options import Options
from benchmarks.patients import write
from xase import AccessRevoked, Client
from xase.proof.trust import Trust
from xase.proof.verify import verify_bundle
from xase_server.app import Server, create_app
from xase_server.delivery.bitmap import bytes_of
from xase_server.domain.entries import Append, Unit, Used, session_stream
from xase_server.domain.ids import new_id
from xase_server.domain.objects import ModelUse
from xase_server.domain.principals import ROLES, Principal
from xase_server.policy.purposes import DEFAULT_PURPOSES
from xase_server.services.bundling import make_bundle
from xase_server.services.governance import Governance
from xase_server.services.grants import Gate, Grant
from xase_server.services.releases import Release, Releases, new_batch_id
from xase_server.services.scopes import Scope
from xase_server.services.sealing import make_append
from xase_server.settings import Settings

ORGANISATION = "org_benchmark"
WHO = Principal(ORGANISATION, "key_benchmark", "bench@example.org", "admin", ROLES["admin"])
POLICY: dict[str, Any] = {
    "id": "policy_benchmark",
    "name": "Benchmark",
    "rules": [{"id": "all", "effect": "permit", "when": {"purpose": ["model-training"]}}],
}
PURPOSE = "model-training"
EACH = 10_000
"""Records in one release."""

NOTHING = b64encode(bytes_of(BitMap64())).decode()
MODELS = 100
SESSIONS_OF_A_MODEL = 10
TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Size:
    """How large the store is."""

    rows: int
    sessions: int
    releases: int
    in_first: int
    operations: int

    @classmethod
    def of(cls, options: Options) -> "Size":
        """10⁸ deliveries and so many operations as records are asked for; a fraction of that when quick."""
        if options.quick:
            return cls(20_000, 20, 60, 20, 2_000)
        return cls(1_000_000, 100, 10_000, 1_000, options.records)


def run(options: Options) -> list[Result]:
    """The store is made once; the server that revokes has one of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("home", "revoking"):
            (place / name).mkdir()
        return [*asyncio.run(_asked(place / "home", options)), *_revoking(place / "revoking", options)]


def _registered(client: Client, home: Path, rows: int) -> None:
    file = home / "patients.parquet"
    write(file, rows)
    client.policies.create(POLICY)
    client.datasets.register(name="patients", file=file, id_field="record_id", policy_id=POLICY["id"])


def _opened(home: Path, size: Size) -> tuple[list[str], str]:
    """Sessions on a dataset of so many rows, and a decision by the first model."""
    with Client.local(home) as client:
        _registered(client, home, size.rows)
        names = [client.access(dataset="patients", purpose=PURPOSE).id for _ in range(size.sessions)]
        return names, client.records.create(model_id="model-0", input={}, output={}).id


# ---------------------------------------------------------------- a store of many deliveries


async def _asked(home: Path, options: Options) -> list[Result]:
    size = Size.of(options)
    create_app(Settings(home=home, organisation=ORGANISATION)).core.close()  # the first start names the organisation
    names, decision = await asyncio.to_thread(_opened, home, size)
    server = create_app(Settings(home=home))
    gate = Gate(server.core.reader, server.core.clock, Governance(DEFAULT_PURPOSES))
    grants = [await gate.admit(WHO, name, "stream") for name in names]
    await _release(server, grants, size)
    await _operate(server, grants, size)
    results = [
        await _admitting(gate, names, options),
        await _accessing(server, size, options),
        await _following(server, decision, size, options),
        *_bundling(server, names[0], size, options),
    ]
    await server.close()
    return results


async def _release(server: Server, grants: Sequence[Grant], size: Size) -> None:
    """Runs of records, as streams release them: many in the first session, the others in turn."""
    releases = Releases(server.core.ledger)
    fields = ("age", "diagnosis", "record_id")
    for first in range(0, size.releases, TOGETHER):
        commits = []
        for number in range(first, min(first + TOGETHER, size.releases)):
            grant = grants[0 if number < size.in_first else 1 + number % (len(grants) - 1)]
            start = number * EACH % size.rows
            numbers = np.arange(start, start + EACH)
            wish = Release(via="stream", numbers=numbers, fields=fields, asked={"batch_size": EACH}, size=1_000_000)
            commits.append(releases.commit(grant, new_batch_id(), wish))
        await asyncio.gather(*commits)


async def _operate(server: Server, grants: Sequence[Grant], size: Size) -> None:
    """Operations of many models, each in a few sessions; none in the first, which is to be bundled."""
    for first in range(0, size.operations, 4 * TOGETHER):
        numbers = range(first, min(first + 4 * TOGETHER, size.operations))
        await server.core.ledger.append(Unit(tuple(_operation(grants, number) for number in numbers)))


def _operation(grants: Sequence[Grant], number: int) -> Append:
    model = number % MODELS
    grant = grants[1 + (model + number // MODELS % SESSIONS_OF_A_MODEL) % (len(grants) - 1)]
    about = {"session_id": grant.session_id, "dataset_id": grant.dataset_id, "dataset_version": grant.version}
    said = {"contract_hash": grant.contract_hash, "operation_type": "TRAIN", "unknown_count": 0}
    use = ModelUse(ORGANISATION, f"model-{model}", grant.session_id, grant.dataset_id, grant.version, "TRAIN")
    return make_append(
        identifier=new_id("op"),
        type="operation",
        stream=session_stream(grant.session_id),
        principal=WHO,
        body={**about, **said, "record_count": 0, "model_id": f"model-{model}"},
        parts={"principal": WHO.email, "records": NOTHING},
        effect=Used(grant.session_id, operations=1, model=use),
    )


async def _timed(calls: Sequence[Callable[[], Awaitable[Any]]]) -> list[float]:
    """Milliseconds of each call, one after the other."""
    times = []
    for call in calls:
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1e3)
    return times


async def _admitting(gate: Gate, names: Sequence[str], options: Options) -> Result:
    calls = [lambda name=name: gate.admit(WHO, name, "stream") for name in names * (2 if options.quick else 50)]
    times = await _timed(calls)
    return _typical("Looked at anew before each answer", times, "<= 0.2")


async def _accessing(server: Server, size: Size, options: Options) -> Result:
    chance = random.Random(1)
    wanted = [f"rec_{chance.randrange(size.rows):012x}" for _ in range(5 if options.quick else 50)]
    events = server.services.events
    found = len(await events.of_record(WHO, "patients", wanted[0]))
    times = await _timed([lambda name=name: events.of_record(WHO, "patients", name) for name in wanted])
    name = f"`/accesses` of a record, {found:,} of {size.releases * EACH:,} deliveries"
    return _typical(name, times, "<= 50")


async def _following(server: Server, decision: str, size: Size, options: Options) -> Result:
    times = await _timed([lambda: server.services.lineage.of_decision(WHO, decision)] * (5 if options.quick else 100))
    return _typical(f"Lineage of a decision, {size.operations:,} operations", times, "<= 20")


def _typical(name: str, times: list[float], bound: str) -> Result:
    return Result(name, statistics.median(times), "ms", bound, f"p99 {percentile(times, 0.99):.3g} ms")


def _bundling(server: Server, session: str, size: Size, options: Options) -> Iterator[Result]:
    """As the server does it: collected, told, packed and signed."""
    core, scope = server.core, Scope(organisation=ORGANISATION, session_id=session, include_operations=True)
    ring = core.custody.ring
    trust = Trust(log_keys=ring.log_verifiers, document_keys=ring.document_verifiers)
    facts: Mapping[str, Any] = {"bundle_id": new_id("bundle"), "created_at": "2026-01-01T00:00:00.000Z"}

    def make(*, paper: bool = False) -> bytes:
        return core.storage.read(
            lambda reads: make_bundle(
                reads, scope, core.custody.document, **facts, purpose=None, limit=1_000_000, paper=paper
            )
        ).content

    bundle = make()
    made = statistics.median(seconds(make) for _ in range(options.rounds))
    told = statistics.median(seconds(lambda: make(paper=True)) for _ in range(options.rounds))
    checked = statistics.median(seconds(lambda: _verified(bundle, trust)) for _ in range(options.rounds))
    name = f"bundle of a session with {size.in_first:,} releases of {EACH:,} records"
    yield Result(f"{name}: made in", made, "s", "<= 5", f"{len(bundle):,} bytes")
    yield Result("the same, with the report as PDF", told, "s")
    yield Result("the same: verified in", checked, "s", "<= 3")


def _verified(bundle: bytes, trust: Trust) -> None:
    report = verify_bundle(bundle, trust)
    if not report.verified:
        raise RuntimeError(report.to_text())


# ---------------------------------------------------------------- revocation


def _revoking(home: Path, options: Options) -> Iterator[Result]:
    """Streams under way, each revoked by its holder: from asking for that until its reader knows."""
    count, at_once = (2, 2) if options.quick else (60, 6)
    with serving(home) as server, ThreadPoolExecutor(at_once) as readers:
        address = f"http://127.0.0.1:{server.port}"
        with Client(api_key=server.key, base_url=address) as client:
            _registered(client, home, 20_000)
            times = list(readers.map(lambda _: _revoked(client), range(count)))
    note = f"p50 {statistics.median(times):.3g} s, {at_once} streams at once"
    yield Result(
        "revoked in the middle of a stream: known to its reader, p99", percentile(times, 0.99), "s", "<= 1", note
    )


def _revoked(client: Client) -> float:
    session, flowing, began = client.access(dataset="patients", purpose=PURPOSE), Event(), [0.0]

    def revoke() -> None:
        flowing.wait()
        began[0] = time.perf_counter()
        client.sessions.revoke(session.id)

    with ThreadPoolExecutor(1) as holder:
        done = holder.submit(revoke)
        try:
            while True:
                for _ in session.stream(batch_size=64, progress=False):
                    flowing.set()
        except AccessRevoked:
            known = time.perf_counter()
        done.result()
    return max(known - began[0], 0.0)
