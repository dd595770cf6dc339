"""The operator's commands over PostgreSQL: the same, but for copies, which are the database's own business."""

import pytest

from tests.cli.conftest import record, start, stop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def over_postgres(postgres, tmp_path_factory):
    """A running server over an empty database of its own, and how to name its store."""
    home, dsn = tmp_path_factory.mktemp("postgres") / "home", postgres()
    server = start(home, "--database", dsn)
    yield server, ("--home", home, "--database", dsn)
    stop(server)


@pytest.fixture
def running(over_postgres):
    return over_postgres[0]


@pytest.fixture
def store(over_postgres):
    return over_postgres[1]


def test_a_key_made_on_the_database_works_on_the_server(operator, running, store):
    made = operator(
        "keys", "create", *store, "--json", "--name", "n", "--email", "a@x.example", "--role", "ai_lab"
    ).json
    with running.client(made["key"]) as client:
        record(client, 1)
        assert operator("keys", "revoke", made["id"], *store, "--json").json["revoked_at"]


def test_an_audit_and_an_examination_find_nothing(operator, running, store):
    with running.client() as client:
        record(client, 2)
    assert operator("audit", *store, "--json").json["clean"]
    assert operator("doctor", *store).code == 0


def test_migrating_again_does_nothing(operator, running, store):
    assert operator("migrate", *store, "--json").json["migrated"] is False


def test_copies_are_left_to_the_database(operator, running, store, tmp_path):
    for command in ("backup", "restore"):
        answer = operator(command, tmp_path / "copy", *store)
        assert answer.code == 2
        assert "PostgreSQL" in answer.err
    assert not (tmp_path / "copy").exists()


def test_a_database_that_is_away_is_5_and_found_by_the_doctor(operator, tmp_path):
    away = ("--home", tmp_path / "home", "--database", f"postgresql://xase@/xase?host={tmp_path}")
    assert operator("migrate", *away).code == 5
    assert operator("serve", "--port", "0", *away).code == 5
    answer = operator("doctor", *away, "--json")
    assert answer.code == 6
    assert "database" in {each["check"] for each in answer.json["findings"] if each["state"] == "problem"}
