"""No release follows what ended the right to it: many random races, judged offline by the evidence that is exported.

Every way out of a session runs against everything that ends one: the whole server in this process, on a store in
memory. The seed decides who starts what when; `XASE_RACES` sets how many there are.
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests.api.conftest import finished_bundle
from tests.api.sessions import make_dataset, make_policy
from tests.simulator import Simulator
from xase.proof.bundle import read_bundle
from xase.proof.keys import DocumentVerifier, LogVerifier
from xase.proof.verify import Trust, verify_bundle
from xase_server.app import Server
from xase_server.delivery.wire import BULK
from xase_server.domain.api_keys import NewKey
from xase_server.domain.consent import NewWithdrawal
from xase_server.domain.entries import Unit
from xase_server.domain.errors import Refused
from xase_server.domain.objects import Stale
from xase_server.domain.principals import Principal
from xase_server.domain.sessions import Ending, NewAccess
from xase_server.domain.transformations import NewTransformation
from xase_server.services.authentication import principal_of
from xase_server.services.bulk import Bulk
from xase_server.services.data import Ask, arrow_schema
from xase_server.services.keys import append_key, mint
from xase_server.services.wanted import Wanted

ROWS = 120
ROUND = 100
AT_ONCE = 4
NDJSON = "application/x-ndjson"
ENDED = {"access_revoked", "session_closed", "session_expired", "authentication_error"}
PASSING = {"conflict", "not_found", "validation_error"}  # others kept changing it; a record whose subject has withdrawn
WAYS = ("stream", "filter", "bulk", "aggregate", "transform", "get_record")
ENDINGS = ("revoke", "close", "withdraw", "expiry", "key", "dataset")
MINUTE_MS = 60_000


def record_id(number: int) -> str:
    return f"rec_{number:06x}"


@dataclass
class Field:
    """A server with a dataset that a lab reads, and what has happened on it."""

    simulator: Simulator
    holder: Principal
    lab: Principal
    secret: str
    dice: random.Random
    dataset: str = ""
    first: int = 0
    untouched: list[int] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    @property
    def server(self) -> Server:
        return self.simulator.server

    def client(self, secret: str | None = None) -> httpx2.AsyncClient:
        key = secret or (self.simulator.home / "admin.key").read_text().strip()
        transport = httpx2.ASGITransport(app=self.server)
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.AsyncClient(transport=transport, base_url="http://simulator", headers=headers, timeout=60)

    async def new_dataset(self) -> None:
        """Another dataset: so evidence stays of a size, and `first` is where it begins in the log."""
        self.first = self.server.core.storage.read(lambda reads: reads.head().size)
        rows = [{"record_id": record_id(n), "age": n % 90, "who": f"p{n}"} for n in range(ROWS)]
        async with self.client() as client:
            policy = await make_policy(client)
            made = await make_dataset(
                client, rows, name=f"field-{self.dice.random()}", policy_id=policy, subject_field="who"
            )
        self.dataset, self.untouched = made["dataset_id"], list(range(ROWS))

    # ------------------------------------------------------------------ one request

    async def ask(self, secret: str, session: str, way: str) -> None:
        """One request as the web layer makes it: authenticate, then read."""
        services, number = self.server.services, self.dice.randrange(ROWS)
        who = await services.authenticator.principal(secret)
        match way:
            case "stream":
                await services.data.page(who, session, Ask(via="stream", most=20))
            case "filter":
                wanted = Wanted(filter={"age": {"$lt": self.dice.randrange(90)}})
                await services.data.page(who, session, Ask(via="filter", most=20, wanted=wanted))
            case "bulk":
                async with aclosing(await self._bulk(who, session)) as chunks:
                    async for _ in chunks:
                        await asyncio.sleep(0)
            case "aggregate":
                await services.aggregation.run(who, session, [{"$match": {"age": {"$lt": number}}}, {"$count": "n"}])
            case "transform":
                parameters = {"fields": ["age"]}
                names = [record_id(number)]
                wish = NewTransformation(record_ids=names, transformation="redact", parameters=parameters)
                await services.transforming.run(who, session, wish)
            case "get_record":
                await services.data.record(who, session, record_id(number))

    async def outcome(self, secret: str, session: str, way: str) -> str:
        """The way when the request was answered, else what it was refused with."""
        try:
            await self.ask(secret, session, way)
        except Refused as refused:
            return refused.kind.slug
        return way

    async def _bulk(self, who: Principal, session: str) -> Any:
        bulk = Bulk(
            self.server.services.data,
            who,
            session,
            encoder=lambda plan: BULK[NDJSON](arrow_schema(plan), plan.shape.types),
            cursor=lambda place: "",
        )
        return await bulk.begin(Ask(via="stream", most=30))

    # ------------------------------------------------------------------ one race

    async def race(self) -> None:
        """Some users of one session, each in its own way, and somebody who ends it once so much was asked."""
        ending, secret, key_id = self.dice.choice(ENDINGS), self.secret, ""
        if ending == "key":
            wish = NewKey(name="a key of one race", role="ai_lab")
            made = (await self.server.services.keys.create(self.lab, wish, None)).body
            secret, key_id = made["key"], made["id"]
        duration = "2m" if ending == "expiry" else "30d"
        wished = NewAccess(dataset_id=self.dataset, purpose="model-training", duration=duration)
        who = await self.server.services.authenticator.principal(secret)
        session = (await self.server.services.access.request(who, wished, None)).body["session_id"]
        moment, asked = asyncio.Event(), [self.dice.randrange(5)]

        async def use(way: str) -> None:
            for _ in range(4):
                outcome = await self.outcome(secret, session, way)
                self.happened[outcome] += 1
                if outcome in ENDED:
                    break
                assert outcome in {way, *PASSING}
                asked[0] -= 1
                if asked[0] <= 0:
                    moment.set()
            moment.set()

        async def end() -> None:
            if asked[0] > 0:
                await moment.wait()
            for _ in range(self.dice.randrange(4)):
                await asyncio.sleep(0)
            await self.end(ending, session, key_id)
            self.happened[f"ended by {ending}"] += 1

        ways = self.dice.sample(WAYS, self.dice.randint(1, 3))
        await asyncio.gather(*(use(way) for way in ways), end())

    async def end(self, ending: str, session: str, key_id: str) -> None:
        services, why = self.server.services, Ending(reason="a race")
        match ending:
            case "revoke":
                await services.closing.revoke(self.holder, session, why, None)
            case "close":
                await services.closing.close(self.lab, session, why, None)
            case "withdraw":
                number = self.untouched.pop(self.dice.randrange(len(self.untouched)))
                await services.consent.withdraw(self.holder, self.dataset, NewWithdrawal(subject=f"p{number}"), None)
            case "expiry":
                self.simulator.clock.advance(2 * MINUTE_MS)
                if self.dice.random() < 0.5:
                    await services.closing.sweep()
            case "key":  # as on another server: what this one remembers of the key is not forgotten
                await services.keys.revoke(self.lab, key_id, None)
            case "dataset":
                await services.closing.revoke_all(self.holder, self.dataset, why, None)

    # ------------------------------------------------------------------ what the evidence says

    async def judge(self) -> None:
        """All of the dataset's evidence, exported by its holder, verifies; no release is by a key that was revoked."""
        async with self.client() as client:
            keys = (await client.get("/.well-known/xase-signing-keys.json")).json()["keys"]
            made = await finished_bundle(client, {"dataset_id": self.dataset})
            content = (await client.get(made["download_url"])).content
        trust = Trust(
            log_keys=tuple(LogVerifier.from_vkey(key["vkey"]) for key in keys if key["use"] == "log"),
            document_keys=tuple(DocumentVerifier(key["public_key"]) for key in keys if key["use"] == "document"),
        )
        report = verify_bundle(content, trust)
        assert report.verified, report.to_text()
        entries = [json.loads(line) for line in read_bundle(content).files["entries.ndjson"].splitlines()]
        released = [each for each in entries if each["type"] in {"release", "aggregate", "transform"}]
        revoked = {each["body"]["key_id"]: each["index"] async for each in self._revocations()}
        late = [each for each in released if each["index"] > revoked.get(each["actor"]["key"], each["index"])]
        assert late == []
        self.happened["releases judged"] += len(released)
        self.happened["revoked keys judged"] += len(revoked)

    async def _revocations(self) -> AsyncIterator[dict[str, Any]]:
        async with self.client(self.secret) as client:
            start: int | None = self.first
            while start is not None:
                page = (await client.get(f"/v1/ledger/entries?start={start}&limit=100")).json()
                for entry in (each["entry"] for each in page["data"] if "entry" in each):
                    if entry["type"] == "key_revoked":
                        yield entry
                start = page["next_start"]


@pytest.fixture
async def field_(tmp_path, keys) -> AsyncIterator[Field]:
    async with Simulator(tmp_path / "home", keys) as simulator:
        core = simulator.server.core
        minted = mint(
            organisation="org_lab", email="lab@lab.example", name="lab", role="admin", now_ms=simulator.clock.now_ms()
        )
        operator = Principal("org_lab", "key_operator", "operator@localhost", "operator", frozenset())
        core.ledger.append_now(Unit((append_key(operator, minted.row),)))
        secret = (simulator.home / "admin.key").read_text().strip()
        holder = await simulator.server.services.authenticator.principal(secret)
        yield Field(simulator, holder, principal_of(minted.row), minted.secret, random.Random())


def overtaken(found: Field) -> None:
    """Count what the ledger refused because it came too late."""
    ledger = found.server.core.ledger
    append = ledger.append

    async def counting(unit: Unit) -> Any:
        try:
            return await append(unit)
        except Stale:
            found.happened["overtaken"] += 1
            raise

    ledger.append = counting  # type: ignore[method-assign]


async def test_no_release_follows_what_ended_the_right_to_it(field_: Field, full, capsys):
    races = int(os.environ.get("XASE_RACES", "10000" if full else "100"))
    seed = int(os.environ.get("XASE_SEED", str(random.SystemRandom().randrange(1 << 32))))
    field_.dice.seed(seed)
    sys.stdout.write(f"XASE_SEED={seed}\n")  # shown when it fails
    overtaken(field_)
    for start in range(0, races, ROUND):
        await field_.new_dataset()
        for _ in range(start, min(start + ROUND, races), AT_ONCE):
            await asyncio.gather(*(field_.race() for _ in range(AT_ONCE)))
        await field_.judge()
    if full:
        with capsys.disabled():
            sys.stdout.write(f"{races} races of seed {seed}: {dict(sorted(field_.happened.items()))}\n")
    assert sum(field_.happened[f"ended by {each}"] for each in ENDINGS) == races
    assert field_.happened["releases judged"] >= sum(field_.happened[way] for way in WAYS)
    assert field_.happened["revoked keys judged"] == field_.happened["ended by key"]
    assert field_.happened["overtaken"] > 0
