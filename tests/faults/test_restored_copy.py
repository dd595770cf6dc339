"""An old copy put back, a tail cut off, another history: seen at start against the head held outside the database."""

import shutil
from pathlib import Path

import pytest

from tests.simulator import ORIGIN
from xase import Client
from xase.errors import LedgerForked, LedgerTruncated
from xase_server.core import Core, open_core
from xase_server.domain.decisions import NewDecision
from xase_server.domain.entries import Unit
from xase_server.domain.errors import Refused
from xase_server.domain.principals import ROLES, Principal
from xase_server.ledger.audit import audit
from xase_server.services.decisions import append_decision
from xase_server.settings import Settings

WHO = Principal("org_restored", "key_test", "test@example.org", "admin", ROLES["admin"])


def opened(home: Path, *, accept_head: bool = False) -> Core:
    return open_core(Settings(home=home, log_origin=ORIGIN), accept_head=accept_head)


def append(core: Core, count: int) -> None:
    for _ in range(count):
        decision = NewDecision(model_id="m", input={}, output={})
        core.ledger.append_now(Unit((append_decision(WHO, decision),)))


def append_and_stop(home: Path, count: int) -> None:
    core = opened(home)
    append(core, count)
    core.close()


def size(core: Core) -> int:
    return core.storage.read(lambda reads: reads.head()).size


def put_back(copy: Path, home: Path) -> None:
    """Replace the database, and nothing else of the home."""
    for file in home.glob("xase.db*"):
        file.unlink()
    for file in copy.glob("xase.db*"):
        shutil.copy(file, home / file.name)


@pytest.fixture
def copied(home: Path, tmp_path: Path) -> Path:
    """The home's database as it was when it had four entries; the home's own has seven."""
    append_and_stop(home, 3)
    shutil.copytree(home, tmp_path / "copy")
    append_and_stop(home, 3)
    return tmp_path / "copy"


def test_an_old_copy_is_not_appended_to(home, copied):
    put_back(copied, home)
    core = opened(home)
    try:
        assert core.ledger.problem is not None
        assert "4 entries, but 7 were signed" in core.ledger.problem
        with pytest.raises(Refused) as refused:
            append(core, 1)
        assert refused.value.kind.slug == "unavailable"
        assert size(core) == 4, "reading goes on"
    finally:
        core.close()


def test_the_objection_stands_at_every_start_until_an_operator_accepts_it(home, copied):
    put_back(copied, home)
    for _ in range(2):
        core = opened(home)
        assert core.ledger.problem is not None
        core.close()
    core = opened(home, accept_head=True)
    try:
        append(core, 1)
        assert size(core) == 5
        assert core.storage.read(lambda reads: reads.head()).epoch == 1, "the cut is on record"
        assert audit(core.storage, core.custody.ring.log_verifiers).clean
    finally:
        core.close()
    core = opened(home)
    assert core.ledger.problem is None
    core.close()


def test_another_history_of_the_same_length_is_not_appended_to(home, copied):
    (copied / "head").unlink()
    append_and_stop(copied, 5)  # signed by the same key, on another branch
    put_back(copied, home)
    core = opened(home)
    try:
        assert core.ledger.problem is not None
        assert "its history is another one" in core.ledger.problem
    finally:
        core.close()


def test_a_database_without_its_newest_transactions_is_not_appended_to(home):
    core = opened(home)
    append(core, 3)
    for file in home.glob("xase.db*"):
        shutil.copy(file, home.with_name(f"kept-{file.name}"))
    append(core, 3)
    core.close()
    for file in home.glob("xase.db*"):
        file.unlink()
    for file in home.parent.glob("kept-xase.db*"):
        shutil.copy(file, home / file.name.removeprefix("kept-"))
    core = opened(home)
    try:
        assert core.ledger.problem is not None
    finally:
        core.close()


def test_a_head_file_that_cannot_be_read_stops_appending(home):
    append_and_stop(home, 1)
    (home / "head").write_bytes(b"\xff\x00")
    core = opened(home)
    try:
        assert core.ledger.problem is not None
    finally:
        core.close()


def test_a_client_that_remembers_a_newer_checkpoint_sees_the_cut(home, copied, tmp_path):
    memory = tmp_path / "seen.json"
    with Client.local(home, checkpoint_store=memory) as client:
        assert client.ledger.checkpoint().size == 7
    put_back(copied, home)
    (home / "head").unlink()  # whoever cut the log took the head outside with it
    with Client.local(home, checkpoint_store=memory) as client, pytest.raises(LedgerTruncated):
        client.ledger.checkpoint()


def test_a_client_that_remembers_a_checkpoint_sees_another_history(home, copied, tmp_path):
    memory = tmp_path / "seen.json"
    with Client.local(home, checkpoint_store=memory) as client:
        client.ledger.checkpoint()
    (copied / "head").unlink()
    append_and_stop(copied, 5)
    put_back(copied, home)
    (home / "head").unlink()
    with Client.local(home, checkpoint_store=memory) as client, pytest.raises(LedgerForked):
        client.ledger.checkpoint()
