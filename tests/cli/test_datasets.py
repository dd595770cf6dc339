"""`xase datasets` and `xase policies`, against a real server."""

import json
from uuid import uuid4

import pytest

LINES = '{"age": 61, "who": {"id": "p1"}}\n{"age": 34, "who": {"id": "p2"}}\n'
POLICY = """
id: {id}
name: Research
rules:
  - id: research
    effect: permit
    when: {{purpose: [research], max_duration: 30d}}
"""


@pytest.fixture
def name():
    return f"dataset-{uuid4().hex}"


@pytest.fixture
def added(xase_, name, tmp_path):
    (tmp_path / "lines.ndjson").write_text(LINES)
    answer = xase_("datasets", "add", "lines.ndjson", "--name", name, "--field", "who.id=identifier", "--json")
    assert answer.code == 0, answer.err
    return answer.json


@pytest.fixture
def policy(xase_, tmp_path):
    identifier = f"policy_{uuid4().hex}"
    (tmp_path / "policy.yaml").write_text(POLICY.format(id=identifier))
    answer = xase_("policies", "add", "policy.yaml", "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_a_file_is_added_and_ready_when_the_command_ends(added, name):
    assert (added["name"], added["status"], added["version"], added["rows"]) == (name, "READY", 1, 2)
    assert added["fields"] == {"who.id": {"class": "identifier"}}


def test_a_dataset_is_shown_in_every_way(xase_, added, name):
    assert xase_("datasets", "get", name, "--json").json == added
    assert added["dataset_id"] in xase_("datasets", "list").out
    assert name in {each["name"] for each in xase_("datasets", "list", "--json").json["data"]}
    assert "who.id" in xase_("datasets", "schema", name).out
    assert xase_("datasets", "profile", name, "--json").json["fields"]["age"]["max"] == 61
    assert "61" in xase_("datasets", "profile", name).out
    assert [each["version"] for each in xase_("datasets", "versions", name, "--json").json["data"]] == [1]
    assert "READY" in xase_("datasets", "get", name).out


NOISY = """
name: Statistics
rules:
  - id: statistics
    effect: permit
    constrain: {entity_key: who.id, epsilon_total: 1, epsilon_per_query: 0.4}
"""


def test_a_budget_is_shown_before_and_after_a_noisy_answer(xase_, added, name, tmp_path):
    (tmp_path / "noisy.yaml").write_text(NOISY)
    policy = xase_("policies", "add", "noisy.yaml", "--json").json["id"]
    assert xase_("datasets", "update", name, "--policy", policy).code == 0
    assert xase_("datasets", "budget", name, "--json").json["epsilon_left"] == 1
    session = xase_("access", "request", "--dataset", name, "--purpose", "analysis", "--json").json["session_id"]
    count = ("sessions", "aggregate", session, "--pipeline", '[{"$group": {"_id": null, "n": {"$sum": 1}}}]')
    assert xase_(*count, "--json").json["epsilon_left"] == 0.6
    assert "0.2 left" in xase_(*count).err
    shown = xase_("datasets", "budget", name).out
    assert "0.8" in shown
    assert "epsilon_left" in shown


def test_an_anonymised_dataset_is_made_and_its_risks_are_shown(xase_, added, name):
    quasi = ("--quasi", "age")
    made = xase_("datasets", "anonymize", name, "--name", f"{name}-open", "-k", "2", *quasi, "--json")
    assert made.code == 0, made.err
    assert (made.json["derived_from"], made.json["rows"]) == (added["dataset_id"], 2)
    assert xase_("datasets", "risk", f"{name}-open", "--json").json["report"]["k"] == 2
    assert "prosecutor" in xase_("datasets", "risk", name, *quasi).out
    failed = xase_("datasets", "anonymize", name, "--name", f"{name}-open", "-k", "3", *quasi)
    assert failed.code != 0
    assert "k = 3 cannot be reached" in failed.err


def test_free_text_is_scrubbed_on_the_way(xase_, name, tmp_path):
    (tmp_path / "letters.ndjson").write_text('{"body": "to ann@b.org", "remark": "from 10.0.0.7"}\n')
    scrub = ("--scrub", "body", "--scrub", "remark=URL,UUID", "--field", "body=sensitive")
    added = xase_("datasets", "add", "letters.ndjson", "--name", name, *scrub, "--json")
    assert added.code == 0, added.err
    assert added.json["fields"]["remark"] == {"class": "ordinary", "scrub": {"entities": ["URL", "UUID"]}}
    fields = xase_("datasets", "profile", name, "--json").json["fields"]
    assert fields["body"]["scrubbed"]["found"] == {"EMAIL_ADDRESS": 1}
    assert fields["remark"]["scrubbed"]["found"] == {}


def test_more_data_is_appended(xase_, added, name):
    assert xase_("datasets", "add", "lines.ndjson", "--to", name, "--append", "--json").json["rows"] == 4
    assert xase_("datasets", "versions", name).out.count("sha256:") == 2


def test_a_source_is_read_on_the_server(xase_, server, name):
    (server.home / "data" / f"{name}.ndjson").write_text(LINES)
    made = xase_("datasets", "add", "--source", f"{name}.ndjson", "--name", name, "--json")
    assert made.json["status"] == "READY", made.err
    again = xase_("datasets", "add", "--source", f"{name}.ndjson", "--to", name, "--append", "--json")
    assert again.json["rows"] == 4


def test_data_that_cannot_be_read_ends_with_8_and_says_why(xase_, name, tmp_path):
    (tmp_path / "bad.ndjson").write_text("{")
    answer = xase_("datasets", "add", "bad.ndjson", "--name", name)
    assert answer.code == 8
    assert "Line 1" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "--name", "n"),
        ("add", "lines.ndjson", "--source", "x", "--name", "n"),
        ("add", "lines.ndjson"),
        ("add", "lines.ndjson", "--name", "n", "--to", "m"),
        ("add", "lines.ndjson", "--to", "m", "--policy", "p"),
        ("add", "lines.ndjson", "--name", "n", "--field", "who"),
        ("add", "missing.ndjson", "--name", "n"),
        ("add", "lines.ndjson", "--name", "n", "--format", "xlsx"),
        ("update", "n"),
    ],
)
def test_a_command_line_that_means_nothing_is_a_usage_error(xase_, tmp_path, arguments):
    (tmp_path / "lines.ndjson").write_text(LINES)
    assert xase_("datasets", *arguments).code == 2


def test_a_dataset_is_put_under_a_policy_and_archived(xase_, added, name, policy):
    assert xase_("datasets", "update", name, "--policy", policy["id"], "--json").json["policy_id"] == policy["id"]
    assert "policy_id" not in xase_("datasets", "update", name, "--policy", "", "--json").json
    assert xase_("datasets", "archive", name, "--json").json["status"] == "ARCHIVED"
    assert xase_("datasets", "get", "nothing").code == 4


def test_a_policy_file_makes_a_policy_and_then_its_versions(xase_, policy, tmp_path):
    assert policy["version"] == 1
    file = tmp_path / "policy.yaml"
    file.write_text(file.read_text().replace("max_duration: 30d", "max_duration: 7d"))
    assert xase_("policies", "add", "policy.yaml", "--json").json["version"] == 2
    assert xase_("policies", "add", "policy.yaml", "--to", policy["id"], "--json").json["version"] == 2
    assert xase_("policies", "get", policy["id"], "--version", "1", "--json").json == policy
    assert [each["version"] for each in xase_("policies", "versions", policy["id"], "--json").json["data"]] == [2, 1]
    assert policy["id"] in xase_("policies", "list").out
    assert "Research" in xase_("policies", "get", policy["id"]).out


def test_a_policy_is_asked_what_it_would_say(xase_, policy):
    ask = ("policies", "simulate", policy["id"], "--purpose")
    assert xase_(*ask, "validation", "--duration", "7d", "--json").json["verdict"] == "permit"
    denied = xase_(*ask, "validation", "--duration", "31d")
    assert denied.code == 0
    assert "deny" in denied.out
    assert "max_duration" in denied.out


def test_the_impact_of_a_change_is_told(xase_, policy, tmp_path):
    (tmp_path / "policy.json").write_text(json.dumps(policy["document"]))
    assert xase_("policies", "impact", policy["id"], "policy.json", "--json").json == {"sessions": [], "unchanged": 0}
    assert "unchanged" in xase_("policies", "impact", policy["id"], "policy.yaml").out


def test_guardrails_are_named_listed_and_taken_away(xase_, policy):
    named = xase_("policies", "guardrails", "set", policy["id"], "--json").json
    assert [each["id"] for each in named["policies"]] == [policy["id"]]
    assert policy["id"] in xase_("policies", "guardrails", "list").out
    assert xase_("policies", "guardrails", "impact", policy["id"], "--json").json["sessions"] == []
    assert xase_("policies", "guardrails", "set", "--json").json["policies"] == []


def test_a_faulty_policy_names_the_place(xase_, tmp_path):
    (tmp_path / "bad.yaml").write_text("name: n\nrules: [{id: r, effect: allow}]\n")
    answer = xase_("policies", "add", "bad.yaml")
    assert answer.code == 8
    assert "rules.0.effect" in answer.err


def test_a_person_is_taken_out(xase_, added, name):
    answer = xase_("datasets", "withdraw", name, "p1", "--reason", "asked for by the person", "--json")
    assert answer.code == 8, "the dataset names no person"
    assert "subject_field" in answer.err


def test_tokens_are_followed_back(xase_, added, name):
    unknown = "tok_00112233445566778899aabbccddeeff"
    answer = xase_("datasets", "detokenize", name, unknown, "--reason", "a finding", "--json")
    assert (answer.code, answer.json["reversed"], answer.json["unknown"]) == (0, [], [unknown])
    assert "unknown" in xase_("datasets", "detokenize", name, unknown, "--reason", "a finding").out
    assert xase_("datasets", "detokenize", name, unknown).code == 2
    answer = xase_("datasets", "erase-tokens", name, unknown, "--reason", "to be forgotten", "--json")
    assert (answer.code, answer.json["erased"], answer.json["unknown"]) == (0, [], [unknown])
    assert xase_("datasets", "erase-tokens", name, "--reason", "to be forgotten").code == 2
