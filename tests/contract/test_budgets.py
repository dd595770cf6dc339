"""Privacy budgets on every store: exact under any race, and there after a restart."""

import asyncio
from collections import Counter
from decimal import Decimal

import pytest

from tests.contract.conftest import Place
from tests.contract.logs import Log, running_log
from tests.unit.access.scene import DATASET_ID, HOLDER, LAB, Scene, run
from xase_server.domain.errors import Refused
from xase_server.domain.objects import Stale
from xase_server.domain.sessions import TERMINATED
from xase_server.policy.contract import Contract
from xase_server.policy.privacy import Privacy
from xase_server.services.budgets import Budgets, Paid
from xase_server.services.governance import Governance
from xase_server.services.payments import Payments
from xase_server.services.reading import Reader
from xase_server.services.releases import Release, Releases

PRIVACY = Privacy(Decimal("0.7"), Decimal("0.1"))
CONTRACT = Contract(privacy=PRIVACY, entity_keys=frozenset({"patient"}))
ANSWER = Release(type="aggregate", via="aggregate", numbers=None, fields=("age",), asked={"pipeline": []}, size=9)


def made(log: Log) -> Scene:
    scene = Scene(log)
    scene.policy()
    scene.dataset()
    return scene


def payments(log: Log) -> Payments:
    return Payments(Releases(log.ledger), Budgets(Reader(log.storage), Governance()), log.clock)


def shown(scene: Scene) -> dict[str, object]:
    return run(Budgets(scene.reader, scene.governance).show(HOLDER, DATASET_ID))


def test_two_servers_spend_no_more_together_than_there_is(place: Place):
    with running_log(place.open()) as one, running_log(place.open()) as two:
        scene = made(one)
        grant = scene.admit(scene.session(CONTRACT), "aggregate")
        servers = [payments(one), payments(two)]

        async def race() -> list[object]:
            asking = (servers[n % 2].commit(grant, PRIVACY, ANSWER) for n in range(20))
            return await asyncio.gather(*asking, return_exceptions=True)

        answers = run(race())
        paid = [each[1] for each in answers if isinstance(each, tuple)]
        assert sorted(each.spent for each in paid) == [Decimal(n) / 10 for n in range(1, 8)]
        refused = Counter(each.kind.slug for each in answers if isinstance(each, Refused))
        assert refused == {"budget_exhausted": 13}
        said = [entry["body"]["epsilon_spent"] for entry in scene.entries("aggregate")]
        assert said == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]
    with running_log(place.reopen()) as again:
        assert shown(Scene(again))["organisations"] == [
            {"organisation": LAB.organisation, "epsilon_spent": 0.7, "queries": 7}
        ]


def test_what_a_store_could_not_commit_is_not_spent(place: Place):
    with running_log(place.open()) as log:
        scene = made(log)
        session = scene.session(CONTRACT)
        grant = scene.admit(session, "aggregate")
        assert isinstance(run(payments(log).commit(grant, PRIVACY, ANSWER))[1], Paid)
        scene.end(session, TERMINATED)
        with pytest.raises(Stale):
            run(payments(log).commit(grant, PRIVACY, ANSWER))
        assert shown(scene)["epsilon_spent"] == 0.1
        assert len(scene.entries("aggregate")) == 1
