"""The operator's commands on a home that no server has open (or that one has, where that must work)."""

import io
import json
import os
import shutil
import stat

import pytest

import xase
from tests.cli.conftest import record, start, stop


@pytest.fixture
def copy(operator, home):
    """A backup of the home, keys included."""
    answer = operator("backup", home.with_name("copy"), "--home", home, "--with-keys", "--json")
    assert answer.code == 0, answer.err
    return home.with_name("copy")


def total(home) -> int:
    with xase.Client.local(home) as client:
        return client.records.list().total


# ------------------------------------------------------------------ keys


def test_an_operators_key_works_on_the_running_server(operator, server):
    made = operator(
        *("keys", "create", "--home", server.home, "--json", "--name", "n", "--email", "a@x.example"),
        *("--role", "auditor", "--act-for", "b@x.example"),
    ).json
    with server.client(made["key"]) as client:
        assert client.whoami().to_dict()["may_act_for"] == ["b@x.example"]
    listed = operator("keys", "list", "--home", server.home, "--json").json
    assert made["id"] in {key["id"] for key in listed["data"]}
    assert listed["total"] == len(listed["data"])


def test_an_organisation_begins_with_its_first_key_and_sees_nothing_of_others(operator, server):
    with server.client() as client:
        record(client, 1)
    made = operator(
        *("keys", "create", "--home", server.home, "--json", "--name", "n", "--email", "a@x.example"),
        *("--role", "admin", "--organisation", "org_second"),
    ).json
    with server.client(made["key"]) as client:
        assert client.whoami().organisation == "org_second"
        assert client.records.list().total == 0


def test_only_an_operator_can_let_a_key_monitor_the_whole_log(operator, server, tmp_path):
    file = tmp_path / "monitor.key"
    answer = operator(
        *("keys", "create", "--home", server.home, "--name", "n", "--email", "a@x.example"),
        *("--scope", "log:monitor", "-o", file),
    )
    assert (answer.code, answer.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with server.client(file.read_text().strip()) as client:
        assert client.whoami().scopes == ["log:monitor"]


def test_a_rotated_key_has_a_successor_and_a_revoked_one_is_refused(operator, home):
    made = operator(
        "keys", "create", "--home", home, "--json", "--name", "n", "--email", "a@x.example", "--role", "auditor"
    )
    fresh = operator("keys", "rotate", made.json["id"], "--home", home, "--grace", "1h", "--json").json
    assert fresh["key"] != made.json["key"]
    assert operator("keys", "rotate", made.json["id"], "--home", home).code == 8
    assert operator("keys", "revoke", fresh["id"], "--home", home, "--json").json["revoked_at"]
    assert operator("keys", "revoke", "key_0000000000000000", "--home", home).code == 4
    shown = operator("keys", "list", "--home", home).out
    assert "revoked" in shown
    assert fresh["key"] not in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--name", "n", "--email", "nobody", "--role", "auditor"),
        ("create", "--name", "n", "--email", "a@x.example", "--role", "king"),
        ("create", "--name", "n"),
        ("rotate",),
    ],
)
def test_a_wrong_key_command_is_2(operator, home, arguments):
    assert operator("keys", *arguments, "--home", home).code == 2


def test_what_is_wrong_with_a_key_is_said_field_by_field(operator, home):
    create = ("keys", "create", "--home", home, "--name", "n", "--email", "a@x.example")
    assert "role: Must be one of admin, ai_lab, auditor" in operator(*create, "--role", "king").err
    assert operator(*create).err.count("\n") > 1


def test_no_key_is_made_for_a_file_that_cannot_be_written(operator, home, tmp_path):
    missing = tmp_path / "missing" / "reviewer.key"
    create = ("keys", "create", "--home", home, "--name", "lost", "--email", "a@x.example", "--role", "auditor")
    assert operator(*create, "-o", missing).code == 2
    assert "lost" not in operator("keys", "list", "--home", home).out


def test_a_folder_that_is_no_home_is_not_made_one(operator, tmp_path):
    assert operator("keys", "list", "--home", tmp_path / "typo").code == 2
    assert not (tmp_path / "typo").exists()


def test_the_signing_keys_are_rotated_and_old_evidence_still_verifies(operator, home):
    with xase.Client.local(home) as client:
        proof = client.records.prove(client.records.list().data[0].id)
    fresh = operator("signing-key", "rotate", "log", "--home", home, "--json").json
    with xase.Client.local(home) as client:
        keys = json.loads(client.evidence.server_keys())["keys"]
        assert fresh["key_id"] in {key["kid"] for key in keys}
        proof.verify(json.dumps({"keys": keys}))


def test_the_master_key_is_rotated_and_the_one_before_it_stays(operator, home):
    before = (home / "keys" / "master.key").read_bytes()
    assert operator("master-key", "rotate", "--home", home, "--json").json == {"number": 2}
    assert (home / "keys" / "master.key.1").read_bytes() == before
    assert (home / "keys" / "master.key").read_bytes() != before
    assert "master key 3" in operator("master-key", "rotate", "--home", home).out


def test_a_master_key_is_not_rotated_where_there_is_no_home_or_a_server_runs(operator, tmp_path, server):
    assert operator("master-key", "rotate", "--home", tmp_path / "none").code == 2
    assert operator("master-key", "rotate", "--home", server.home).code != 0
    assert not (server.home / "keys" / "master.key.1").exists()


# ------------------------------------------------------------------ migrate


def test_migrate_makes_the_schema_and_does_nothing_the_second_time(operator, tmp_path):
    first = operator("migrate", "--home", tmp_path / "home", "--json").json
    second = operator("migrate", "--home", tmp_path / "home", "--json").json
    assert (first["migrated"], second["migrated"]) == (True, False)
    assert first["version"] == second["version"]


# ------------------------------------------------------------------ backup and restore


def test_a_backup_of_a_running_server_is_whole(operator, tmp_path, grown):
    home = shutil.copytree(grown, tmp_path / "home")
    server = start(home)
    try:
        with server.client() as client:
            record(client, 2)
        answer = operator("backup", tmp_path / "copy", "--home", home, "--json")
        assert answer.json["entries"] == 8  # the admin key, five records, two records
        with server.client() as client:
            record(client, 1)
    finally:
        stop(server)
    assert {each.name for each in (tmp_path / "copy").iterdir()} == {"head", "xase.db"}
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700


def test_a_backup_overwrites_nothing_and_leaves_nothing_half_done(operator, home, tmp_path):
    (tmp_path / "taken").mkdir()
    assert operator("backup", tmp_path / "taken", "--home", home).code == 2
    assert operator("backup", tmp_path / "nowhere" / "copy", "--home", home).code == 5
    assert operator("backup", tmp_path / "copy", "--home", tmp_path / "no-home").code == 2
    (home / "xase.db").write_bytes(b"no database")
    assert operator("backup", tmp_path / "copy", "--home", home).code == 5
    assert {each.name for each in tmp_path.iterdir()} == {"home", "taken"}


def test_a_backup_is_restored_on_a_new_machine(operator, copy, tmp_path):
    answer = operator("restore", copy, "--home", tmp_path / "new", "--json")
    assert (answer.code, answer.json["entries"], answer.json["epoch"], answer.json["replaced"]) == (0, 6, 1, None)
    (tmp_path / "new" / "admin.key").write_bytes((copy.with_name("home") / "admin.key").read_bytes())
    assert total(tmp_path / "new") == 5


def test_dataset_versions_come_along_and_can_be_read_after_a_restore(operator, home, tmp_path):
    with xase.Client.local(home) as client:
        client.datasets.register(name="kept", file=io.BytesIO(b"record_id,age\na,5\nb,7\n"), format="csv")
    assert operator("backup", tmp_path / "copy", "--home", home, "--with-keys", "--json").json["missing_versions"] == []
    assert operator("restore", tmp_path / "copy", "--home", tmp_path / "new").code == 0
    (tmp_path / "new" / "admin.key").write_bytes((home / "admin.key").read_bytes())
    with xase.Client.local(tmp_path / "new") as client, client.access(dataset="kept", purpose="validation") as session:
        assert [row.age for row in session.filter({"age": {"$gte": 6}})] == [7]


def test_a_backup_may_leave_datasets_out_and_says_what_is_missing(operator, home, tmp_path):
    with xase.Client.local(home) as client:
        made = client.datasets.register(name="kept", file=io.BytesIO(b"age\n5\n"), format="csv")
    without = operator("backup", tmp_path / "without", "--home", home, "--no-datasets", "--json").json
    assert without["missing_versions"] == []
    assert not (tmp_path / "without" / "datasets").exists()
    shutil.rmtree(home / "datasets" / made.dataset_id)
    answer = operator("backup", tmp_path / "missing", "--home", home, "--json").json
    assert answer["missing_versions"] == [f"{made.dataset_id}/v1"]


def test_a_restore_without_keys_is_refused(operator, copy, tmp_path):
    shutil.rmtree(copy / "keys")
    assert operator("restore", copy, "--home", tmp_path / "new").code == 2


def test_a_restore_of_an_older_copy_is_refused_unless_it_is_accepted(operator, home, copy):
    with xase.Client.local(home) as client:
        record(client, 3)
    refused = operator("restore", copy, "--home", home)
    assert refused.code == 8
    assert "--accept-older-head" in refused.err
    assert total(home) == 8

    accepted = operator("restore", copy, "--home", home, "--accept-older-head", "--json").json
    assert accepted["epoch"] == 1
    assert total(home) == 5
    with xase.Client.local(home) as client:
        record(client, 1)  # appending goes on: the head outside is the restored one


def test_a_restore_keeps_what_it_replaces(operator, home, copy):
    with xase.Client.local(home) as client:
        record(client, 3)
    aside = operator("restore", copy, "--home", home, "--accept-older-head", "--json").json["replaced"]
    shutil.copy(f"{aside}/xase.db", home / "xase.db")
    assert total(home) == 8


def test_a_restore_replaces_a_damaged_database(operator, home, copy):
    (home / "xase.db").write_bytes(b"no database any more")
    assert operator("restore", copy, "--home", home).code == 0
    assert total(home) == 5


def test_a_restore_is_refused_while_a_server_runs(operator, home, copy):
    server = start(home)
    try:
        answer = operator("restore", copy, "--home", home)
        assert answer.code == 5
        assert "stop the servers" in answer.err
        with server.client() as client:
            record(client, 1)
    finally:
        stop(server)


def test_a_copy_that_does_not_reach_a_published_checkpoint_is_refused(operator, home, copy, tmp_path):
    with xase.Client.local(home) as client:
        record(client, 3)
        (tmp_path / "published").write_text(client.ledger.checkpoint().note)
    answer = operator("restore", copy, "--home", tmp_path / "new", "--checkpoint", tmp_path / "published")
    assert answer.code == 8
    assert not (tmp_path / "new" / "xase.db").exists()


def test_a_copy_of_another_log_is_refused(operator, home, tmp_path):
    other = tmp_path / "other"
    with xase.Client.local(other) as client:
        record(client, 9)
    assert operator("backup", tmp_path / "copy", "--home", other).code == 0
    answer = operator("restore", tmp_path / "copy", "--home", home, "--accept-older-head")
    assert answer.code == 8
    assert total(home) == 5


def test_a_tampered_copy_is_refused(operator, home, tmp_path, copy):
    assert operator("restore", tmp_path, "--home", home).code == 2
    (copy / "xase.db").write_bytes(b"no database")
    assert operator("restore", copy, "--home", home).code == 5
    assert total(home) == 5


# ------------------------------------------------------------------ audit


def test_an_audit_of_a_sound_log_finds_nothing(operator, home):
    answer = operator("audit", "--home", home, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json.keys() == {"log", "from", "size", "checkpoints", "clean", "findings"}
    assert (answer.json["size"], answer.json["clean"], answer.json["findings"]) == (6, True, [])
    assert operator("audit", "--home", home).out.startswith("6 entries and ")


def test_an_audit_goes_on_while_a_server_appends(operator, server):
    with server.client() as client:
        record(client, 3)
        assert operator("audit", "--home", server.home).code == 0
        assert operator("audit", "--home", server.home, "--from", "2").code == 0


def test_an_audit_finds_a_changed_entry_and_ends_with_6(operator, home):
    database = (home / "xase.db").read_bytes()
    assert database.count(b'"model_id":"m"') == 5
    (home / "xase.db").write_bytes(database.replace(b'"model_id":"m"', b'"model_id":"w"', 1))
    answer = operator("audit", "--home", home, "--json")
    assert (answer.code, answer.json["clean"]) == (6, False)
    (index,) = {finding["index"] for finding in answer.json["findings"] if "chain" not in finding["message"]} - {5}
    assert answer.json["findings"][0].keys() == {"index", "id", "message"}
    assert str(index) in operator("audit", "--home", home).out


def test_an_audit_finds_that_the_tail_is_missing(operator, home, copy):
    with xase.Client.local(home) as client:
        record(client, 3)
    shutil.copy(copy / "xase.db", home / "xase.db")
    (finding,) = operator("audit", "--home", home, "--json").json["findings"]
    assert "tail is missing" in finding["message"]


def test_a_backup_is_audited_where_it_lies(operator, home, tmp_path):
    assert operator("backup", tmp_path / "bare", "--home", home).code == 0
    assert operator("audit", "--home", tmp_path / "bare").code == 2  # no keys there to check the checkpoints by
    assert operator("audit", "--home", tmp_path / "bare", "--key", home / "keys" / "ring.json").code == 0


def test_an_audit_of_no_home_is_5_and_makes_none(operator, tmp_path):
    assert operator("audit", "--home", tmp_path / "typo").code == 5
    assert not (tmp_path / "typo").exists()


# ------------------------------------------------------------------ doctor


def test_a_healthy_home_has_no_problem(operator, home):
    answer = operator("doctor", "--home", home, "--json")
    assert (answer.code, answer.json["healthy"]) == (0, True)
    for finding in answer.json["findings"]:
        assert finding.keys() == {"check", "state", "found", "remedy"}
        assert finding["state"] in {"ok", "warning"}
    assert "no problems" in operator("doctor", "--home", home).err


def problem(answer) -> dict[str, str]:
    """The only problem that the doctor found."""
    assert answer.code == 6
    (found,) = [each for each in answer.json["findings"] if each["state"] == "problem"]
    assert found["remedy"]
    return found


@pytest.mark.parametrize("name", ["log.pem", "document.pem", "seal.key"])
def test_a_key_that_others_may_read_is_found(operator, home, name):
    (home / "keys" / name).chmod(0o640)
    found = problem(operator("doctor", "--home", home, "--json"))
    assert (found["check"], found["found"]) == (f"key {name}", "mode 640: others may use it")


def test_a_folder_that_others_may_enter_is_found(operator, home):
    home.chmod(0o755)
    assert problem(operator("doctor", "--home", home, "--json"))["remedy"] == f"chmod 700 {home}"


def test_a_missing_key_is_found_and_not_made(operator, home):
    (home / "keys" / "seal.key").unlink()
    assert problem(operator("doctor", "--home", home, "--json"))["check"] == "key seal.key"
    assert not (home / "keys" / "seal.key").exists()


@pytest.mark.parametrize("name", ["document.pem", "seal.key"])
def test_a_key_that_is_none_is_found(operator, home, name):
    (home / "keys" / name).write_bytes(b"no key")
    found = problem(operator("doctor", "--home", home, "--json"))
    assert (found["check"], found["remedy"]) == (f"key {name}", "restore it from your copy")


def test_a_database_that_this_account_cannot_write_is_found(operator, home, monkeypatch):
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != home / "xase.db" and access(path, mode))
    assert problem(operator("doctor", "--home", home, "--json"))["check"] == "database file"


def test_a_database_that_is_not_there_or_damaged_is_found(operator, home):
    (home / "xase.db").write_bytes(b"no database")
    assert problem(operator("doctor", "--home", home, "--json"))["check"] == "database"
    (home / "xase.db").unlink()
    assert problem(operator("doctor", "--home", home, "--json"))["check"] == "database"
    assert not (home / "xase.db").exists()


def test_a_log_that_lost_its_tail_is_found(operator, home, copy):
    with xase.Client.local(home) as client:
        record(client, 3)
    shutil.copy(copy / "xase.db", home / "xase.db")
    found = problem(operator("doctor", "--home", home, "--json"))
    assert found["check"] == "head"
    assert "tail is missing" in found["found"]


def test_keys_of_another_log_are_found(operator, home, tmp_path):
    with xase.Client.local(tmp_path / "other"):
        pass
    shutil.copy(tmp_path / "other" / "keys" / "log.pem", home / "keys" / "log.pem")
    assert problem(operator("doctor", "--home", home, "--json"))["check"] == "log key"


def test_a_clock_behind_the_log_is_found(operator, home, monkeypatch):
    monkeypatch.setattr("xase_server.domain.clock.SystemClock.now_ms", lambda _clock: 1_000)
    assert problem(operator("doctor", "--home", home, "--json"))["check"] == "clock"


def test_a_database_that_is_none_is_2_and_not_shown(operator, home):
    answer = operator("audit", "--home", home, "--database", "mysql://u:hunter2@h/x")
    assert answer.code == 2
    assert "database: must begin with postgresql://" in answer.err
    assert "hunter2" not in answer.err


def test_no_home_at_all_is_found_and_not_made(operator, tmp_path):
    assert operator("doctor", "--home", tmp_path / "typo").code == 6
    assert not (tmp_path / "typo").exists()
