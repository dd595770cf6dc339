"""`xase access` and `xase sessions`, against a real server."""

import csv
import json
import os
import subprocess

import httpx2
import pyarrow as pa
import pytest

from tests.cli.conftest import BIN

ROWS = [
    {"record_id": f"rec_{number:03d}", "age": 20 + number, "lab": {"glucose": 70 + number}, "note": 'say "hi", you'}
    for number in range(60)
]
STATE = {"session_id", "dataset_id", "dataset_version", "status", "purpose", "expires_at", "obligations"}


@pytest.fixture(scope="session")
def dataset(server) -> str:
    """A dataset of ROWS, by name."""
    with httpx2.Client(base_url=f"{server.address}/v1", headers={"authorization": f"Bearer {server.key}"}) as http:
        made = http.post("/datasets", json={"name": "patients"})
        lines = "".join(json.dumps(row) + "\n" for row in ROWS)
        address = f"/datasets/{made.json()['dataset_id']}/data"
        sent = http.put(address, content=lines, headers={"content-type": "application/x-ndjson"})
        assert sent.json()["status"] == "READY", sent.text
    return "patients"


@pytest.fixture
def session(xase_, dataset) -> str:
    """The id of a new session."""
    wish = ("--dataset", dataset, "--purpose", "model-training", "--duration", "2h", "--metadata", '{"ticket": 7}')
    answer = xase_("access", "request", *wish, "--json")
    assert answer.code == 0, answer.err
    assert answer.json.keys() >= STATE
    return str(answer.json["session_id"])


def test_access_is_granted_and_says_how_to_go_on(xase_, dataset):
    answer = xase_("access", "request", "--dataset", dataset, "--purpose", "analysis")
    assert answer.code == 0
    assert "ACTIVE" in answer.out
    assert "xase sessions stream sess_" in answer.err


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (("--dataset", "nothing", "--purpose", "p"), 4),
        (("--dataset", "patients"), 2),
        (("--dataset", "patients", "--purpose", "p", "--metadata", "[]"), 2),
        (("--dataset", "patients", "--purpose", "p", "--duration", "long"), 8),
    ],
)
def test_a_wish_that_cannot_be_granted_has_its_exit_code(xase_, dataset, wish, code):
    assert xase_("access", "request", *wish).code == code


def test_a_session_is_listed_shown_and_closed(xase_, session):
    listed = xase_("sessions", "list", "--status", "ACTIVE", "--limit", "100", "--json").json
    assert session in {state["session_id"] for state in listed["data"]}
    assert session in xase_("sessions", "list").out
    assert xase_("sessions", "get", session, "--json").json["usage_stats"]["records_accessed"] == 0
    closed = xase_("sessions", "close", session, "--reason", "done", "--json").json
    assert (closed["status"], closed["reason"]) == ("TERMINATED", "done")
    assert xase_("sessions", "filter", session).code == 3


def test_a_session_or_a_whole_dataset_is_revoked(xase_, session, dataset):
    assert xase_("sessions", "revoke", session, "--reason", "r", "--json").json["status"] == "REVOKED"
    xase_("access", "request", "--dataset", dataset, "--purpose", "analysis")
    assert xase_("sessions", "revoke", "--dataset", dataset, "--json").json["sessions"]
    assert xase_("sessions", "revoke").code == 2
    assert xase_("sessions", "revoke", session, "--dataset", dataset).code == 2


def test_records_are_written_as_ndjson_to_standard_output(xase_, session):
    answer = xase_("sessions", "stream", session, "--sort", "-age", "--fields", "age", "--batch-size", "25")
    assert answer.code == 0, answer.err
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert rows == [{"record_id": row["record_id"], "age": row["age"]} for row in reversed(ROWS)]
    assert answer.err == ""


def test_a_reader_that_has_enough_ends_the_stream_quietly(session, server):
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "XASE_BASE_URL": server.address, "XASE_API_KEY": server.key}
    command = [BIN / "xase", "sessions", "stream", session, "--batch-size", "1"]
    run = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (0, b"")


def test_records_are_written_as_csv_into_a_file(xase_, session, tmp_path):
    answer = xase_("sessions", "stream", session, "--format", "csv", "-o", "out.csv", "--batch-size", "25", "--json")
    assert (answer.json["records"], answer.json["batches"]) == (60, 3)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["age"] for row in rows] == [str(row["age"]) for row in ROWS]
    assert json.loads(rows[0]["lab"]) == ROWS[0]["lab"]
    assert rows[0]["note"] == ROWS[0]["note"]


def test_records_are_written_as_arrow_into_a_file(xase_, session, tmp_path):
    answer = xase_("sessions", "stream", session, "--format", "arrow", "-o", "out.arrow", "--batch-size", "25")
    assert answer.err.startswith("60 records in 3 batches")
    with pa.ipc.open_stream((tmp_path / "out.arrow").read_bytes()) as reader:
        assert reader.read_all().to_pylist() == ROWS


def test_a_file_is_not_overwritten_unasked_and_absent_after_a_failure(xase_, session, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert xase_("sessions", "stream", session, "-o", "out").code == 2
    assert xase_("sessions", "stream", session, "-o", "new", "--filter", '{"no": 1}').code == 8
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".db"] == ["out"]
    assert xase_("sessions", "stream", session, "-o", "out", "--force").code == 0
    assert xase_("sessions", "stream", session, "--json").code == 2


def test_a_filter_shows_what_matches_and_how_many_there_are(xase_, session):
    answer = xase_("sessions", "filter", session, "--filter", '{"age": {"$gte": 70}}', "--limit", "3", "--json").json
    assert (answer["record_count"], answer["total_matched"], answer["has_more"]) == (3, 10, True)
    rest = xase_("sessions", "filter", session, "--cursor", answer["next_cursor"], "--json").json
    assert (rest["record_count"], rest["has_more"]) == (7, False)
    table = xase_("sessions", "filter", session, "--filter", '{"age": {"$gte": 70}}', "--sort", "-age", "--limit", "2")
    assert "rec_059" in table.out
    assert table.err == "2 of 10\n"


def test_a_pipeline_comes_in_place_or_from_a_file(xase_, session, tmp_path):
    (tmp_path / "pipeline.json").write_text('[{"$group": {"_id": null, "n": {"$sum": 1}}}]')
    answer = xase_("sessions", "aggregate", session, "--pipeline", "@pipeline.json", "--json").json
    assert answer["results"] == [{"_id": None, "n": 60}]
    assert answer["evidence_id"].startswith("ev_")
    assert "60" in xase_("sessions", "aggregate", session, "--pipeline", '[{"$count": "n"}]').out
    assert xase_("sessions", "aggregate", session, "--pipeline", "{}").code == 2


def test_events_are_shown_and_followed_to_the_end(xase_, session):
    xase_("sessions", "filter", session)
    xase_("sessions", "close", session)
    told = xase_("sessions", "events", session, "--json").json["data"]
    assert [event["type"] for event in told] == ["session_opened", "release", "session_closed"]
    followed = xase_("sessions", "events", session, "--follow", "--json", "--start", "1").out.splitlines()
    assert [json.loads(line)["type"] for line in followed] == ["release", "session_closed"]
    assert "release" in xase_("sessions", "events", session).out
