"""How sessions end, and that nothing follows an ending."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.logs import ORIGIN, START_MS, running_log
from tests.unit.access.scene import DATASET_ID, DAY_MS, HOLDER, LAB, STRANGER, Scene, release, run
from xase.proof.entry import format_time
from xase_server.domain.decisions import Page
from xase_server.domain.errors import Refused
from xase_server.domain.objects import Stale
from xase_server.domain.sessions import Ending, NewAccess
from xase_server.ports import Storage
from xase_server.services.outcome import Once
from xase_server.services.sessions import SessionFilter
from xase_server.storage import open_storage
from xase_server.storage.memory import MemoryStorage

WHY = Ending(reason="Analysis complete")


def refusal_of(scene: Scene, work: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        run(work)
    return caught.value


def test_the_lab_closes_its_session(scene: Scene):
    session = scene.ask()["session_id"]
    scene.log.clock.ms += 5
    view = run(scene.closing.close(LAB, session, WHY, None)).body
    assert (view["status"], view["ended_at"], view["reason"]) == (
        "TERMINATED",
        format_time(START_MS + 5),
        "Analysis complete",
    )
    assert "revoked_by" not in view
    (entry,) = scene.entries("session_closed")
    assert entry["stream"] == f"session/{session}"
    assert entry["body"] == {"session_id": session, "dataset_id": DATASET_ID}
    assert scene.parts(entry["id"]) == {"principal": LAB.email, "reason": "Analysis complete"}
    with pytest.raises(Refused) as caught:
        scene.admit(session)
    assert caught.value.details == {
        "session_id": session,
        "closed_at": format_time(START_MS + 5),
        "reason": "Analysis complete",
    }


def test_the_holder_revokes_a_session(scene: Scene):
    session = scene.ask()["session_id"]
    view = run(scene.closing.revoke(HOLDER, session, Ending(), None)).body
    assert (view["status"], view["reason"], view["revoked_by"]) == ("REVOKED", None, HOLDER.email)
    (entry,) = scene.entries("access_revoked")
    assert (entry["stream"], entry["actor"]["organisation"]) == (f"session/{session}", "org_hospital")
    assert scene.readable(LAB, entry["id"]) is not None, "the lab may prove why its access ended"


@pytest.mark.parametrize("first", ["close", "revoke"])
@pytest.mark.parametrize("then", ["close", "revoke"])
def test_ending_what_has_ended_changes_nothing(scene: Scene, first, then):
    session = scene.ask()["session_id"]
    end = {
        "close": lambda: run(scene.closing.close(LAB, session, WHY, None)).body,
        "revoke": lambda: run(scene.closing.revoke(HOLDER, session, WHY, None)).body,
    }
    view, size = end[first](), scene.log.size
    scene.log.clock.ms += 1
    assert (end[then](), scene.log.size) == (view, size)


def test_a_session_that_has_expired_is_not_ended_again(scene: Scene):
    session = scene.ask()["session_id"]
    scene.log.clock.ms += 30 * DAY_MS
    assert run(scene.closing.revoke(HOLDER, session, WHY, None)).body["status"] == "EXPIRED"
    assert scene.entries("access_revoked") == []


@pytest.mark.parametrize(
    ("way", "who"), [("close", HOLDER), ("close", STRANGER), ("revoke", LAB), ("revoke", STRANGER)]
)
def test_only_the_lab_closes_and_only_the_holder_revokes(scene: Scene, way, who):
    session = scene.ask()["session_id"]
    end = getattr(scene.closing, way)
    known, unknown = refusal_of(scene, end(who, session, WHY, None)), refusal_of(scene, end(who, "sess_0", WHY, None))
    assert (known.kind.slug, known.message) == (unknown.kind.slug, unknown.message)
    assert known.details == {"resource": "session", "id": session}
    scene.admit(session)


def test_the_same_idempotency_key_ends_a_session_once(scene: Scene):
    session, once = scene.ask()["session_id"], Once("key_holder", "k", b"digest")
    first = run(scene.closing.revoke(HOLDER, session, WHY, once))
    again = run(scene.closing.revoke(HOLDER, session, WHY, once))
    assert (first.replayed, again.replayed, again.body) == (False, True, first.body)


def test_all_sessions_of_a_dataset_end_together(scene: Scene):
    sessions = [scene.ask()["session_id"] for _ in range(4)]
    run(scene.closing.close(LAB, sessions.pop(), WHY, None))
    once = Once("key_holder", "k", b"digest")
    outcome = run(scene.closing.revoke_all(HOLDER, "medical-records-2024", WHY, once))
    assert outcome.body == {"dataset_id": DATASET_ID, "sessions": sessions}
    assert run(scene.closing.revoke_all(HOLDER, DATASET_ID, WHY, once)).body == outcome.body
    assert run(scene.closing.revoke_all(HOLDER, DATASET_ID, WHY, None)).body["sessions"] == []
    rows, _, _ = run(scene.sessions.list(HOLDER, SessionFilter(status="REVOKED"), Page()))
    assert {row["session_id"] for row in rows} == set(sessions)
    assert refusal_of(scene, scene.closing.revoke_all(LAB, DATASET_ID, WHY, None)).kind.slug == "not_found"


def test_a_session_that_opens_while_all_are_revoked_ends_with_them(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    sessions = [scene.ask()["session_id"]]
    look = scene.closing._open_sessions
    opened: list[str] = []

    def late(*arguments: Any) -> Any:
        rows = look(*arguments)
        if not opened:
            opened.append(scene.ask()["session_id"])
        return rows

    monkeypatch.setattr(scene.closing, "_open_sessions", late)
    body = run(scene.closing.revoke_all(HOLDER, DATASET_ID, WHY, None)).body
    assert body["sessions"] == sessions + opened


def test_the_sweeper_writes_the_end_of_what_has_expired(scene: Scene):
    session, longer = scene.ask(duration="1d")["session_id"], scene.ask(duration="2d")["session_id"]
    assert run(scene.closing.sweep()) == 0
    scene.log.clock.ms += DAY_MS
    assert run(scene.sessions.get(LAB, session))["status"] == "EXPIRED"
    assert run(scene.closing.sweep()) == 1
    assert run(scene.closing.sweep()) == 0
    (entry,) = scene.entries("session_expired")
    assert (entry["stream"], entry["actor"]) == (f"session/{session}", {"key": "server", "organisation": "org_lab"})
    assert run(scene.sessions.get(LAB, session))["status"] == "EXPIRED"
    scene.admit(longer)
    for status, expected in (("EXPIRED", [session]), ("ACTIVE", [longer])):
        rows, total, _ = run(scene.sessions.list(LAB, SessionFilter(status=status), Page()))
        assert ([row["session_id"] for row in rows], total) == (expected, 1)


def test_what_a_session_has_used_is_shown(scene: Scene):
    session = scene.ask()["session_id"]
    assert run(scene.sessions.get(LAB, session))["usage_stats"]["last_access"] is None
    scene.log.ledger.append_now(release(scene.admit(session), records=3, operations=1, queries=1, bytes=10))
    assert run(scene.sessions.get(HOLDER, session))["usage_stats"] == {
        "records_accessed": 3,
        "operations_performed": 1,
        "last_access": format_time(START_MS),
        "queries": 1,
        "bytes": 10,
    }


async def use(scene: Scene, session: str) -> int:
    """Release until the session has ended; gives how many releases were appended."""
    done = 0
    while True:
        try:
            grant = await scene.gate.admit(LAB, session, "stream")
            await asyncio.sleep(0)
            await scene.log.ledger.append(release(grant, records=1))
            done += 1
        except Stale:
            continue
        except Refused as refused:
            if refused.kind.slug not in {"access_revoked", "session_closed"}:
                raise
            return done


async def race(scene: Scene, dice: random.Random) -> int:
    """Some users of one session, and somebody who ends it at a random moment."""
    opened = await scene.access.request(LAB, NewAccess(dataset_id=DATASET_ID, purpose="model-training"), None)
    session = opened.body["session_id"]

    async def end() -> None:
        for _ in range(dice.randrange(6)):
            await asyncio.sleep(0)
        match dice.randrange(3):
            case 0:
                await scene.closing.close(LAB, session, WHY, None)
            case 1:
                await scene.closing.revoke(HOLDER, session, WHY, None)
            case _:
                await scene.closing.revoke_all(HOLDER, DATASET_ID, WHY, None)

    users = [use(scene, session) for _ in range(dice.randint(1, 4))]
    dice.shuffle(users)
    *done, _ = await asyncio.gather(*users, end())
    return sum(done)


def in_memory(_: Path) -> Storage:
    return MemoryStorage()


def on_sqlite(folder: Path) -> Storage:
    return open_storage("", folder, readers=2)


@pytest.mark.parametrize(("make", "races"), [(in_memory, 300), (on_sqlite, 30)])
def test_no_release_follows_an_ending_in_any_race(make: Callable[[Path], Storage], races: int, tmp_path: Path):
    storage = make(tmp_path)
    storage.initialise(ORIGIN)
    try:
        with running_log(storage) as log:
            scene = Scene(log)
            scene.policy()
            scene.dataset()
            dice = random.Random(7)

            async def all_of_them() -> int:
                return sum([await race(scene, dice) for _ in range(races)])

            done = asyncio.run(all_of_them())
            ended: set[str] = set()
            released = 0
            for entry in scene.entries("release", "session_closed", "access_revoked"):
                session = entry["stream"]
                if entry["type"] == "release":
                    assert session not in ended
                    released += 1
                else:
                    assert session not in ended, "a session ends once"
                    ended.add(session)
            assert (len(ended), released) == (races, done)
            assert released > 0
    finally:
        storage.close()
