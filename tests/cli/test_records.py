"""`xase records` and `xase whoami`, against a real server."""

import json
from typing import Any

import pytest

from tests.cli.conftest import record

ALWAYS = {"id", "model_id", "input", "output", "hash", "previous_hash", "sequence", "created_at", "interventions"}


@pytest.fixture
def made(xase_) -> dict[str, Any]:
    answer = xase_(
        *("records", "create", "--json", "--model-id", "credit-model-v2", "--confidence", "0.61"),
        *("--input", '{"income": 31000}', "--output", '{"decision": "REJECTED"}', "--transaction-id", "txn_1"),
    )
    assert answer.code == 0, answer.err
    return answer.json


def test_a_decision_given_by_options_is_recorded_whole(made):
    assert made.keys() == ALWAYS | {"confidence", "transaction_id"}
    assert (made["input"], made["output"]) == ({"income": 31000}, {"decision": "REJECTED"})


def test_a_decision_is_got_by_the_beginning_of_its_id(xase_, made):
    assert xase_("records", "get", made["id"][:14], "--json").json == made


def test_a_decision_is_erased_and_says_why(xase_, made):
    erased = xase_("records", "erase", made["id"], "--reason", "asked for by the person", "--json").json
    assert (erased["erased_reason"], "input" in erased, erased["hash"]) == (
        "asked for by the person",
        False,
        made["hash"],
    )
    assert "(erased)" in xase_("records", "list").out
    assert xase_("records", "erase", made["id"]).code == 2


def test_a_body_comes_from_standard_input_and_options_add_to_it(xase_):
    body = b'{"model_id": "a", "input": {}, "output": {}, "confidence": 0.1}'
    answer = xase_("records", "create", "-", "--model-id", "b", "--json", stdin=body)
    assert (answer.json["model_id"], answer.json["confidence"]) == ("b", 0.1)


def test_a_body_and_its_parts_come_from_files(xase_, tmp_path):
    (tmp_path / "body.json").write_text('{"model_id": "a", "output": {}}')
    (tmp_path / "input.json").write_text('{"n": 1}')
    answer = xase_("records", "create", "@body.json", "--input", "@input.json", "--json")
    assert answer.json["input"] == {"n": 1}


def test_two_values_cannot_both_come_from_standard_input(xase_):
    answer = xase_("records", "create", "--model-id", "a", "--input", "-", "--output", "-")
    assert (answer.code, answer.out) == (2, "")


def test_a_repeated_idempotency_key_records_once(xase_):
    once = ("records", "create", '{"model_id":"a","input":{},"output":{}}', "--idempotency-key", "k-1", "--json")
    assert xase_(*once).json["id"] == xase_(*once).json["id"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"model_id": "a"}', "missing: input; missing: output"),
        ('{"model_id": "a", "input": {}, "output": {}, "colour": 1}', "unknown field: colour"),
    ],
)
def test_a_body_that_no_server_takes_is_a_usage_error(xase_, body, reason):
    answer = xase_("records", "create", body)
    assert (answer.code, answer.err) == (2, f"xase: {reason}\n")


def test_an_intervention_shows_on_the_record(xase_, made):
    answer = xase_(
        *("records", "intervene", made["id"], "--json", "--action", "OVERRIDE", "--reason", "A second job"),
        *("--new-outcome", '{"decision": "APPROVED"}', "--metadata", '{"ticket": 7}'),
        *("--evidence-url", "https://a.example/1", "--evidence-url", "https://a.example/2"),
    )
    assert answer.code == 0, answer.err
    assert answer.json["new_outcome"] == {"decision": "APPROVED"}
    assert answer.json["evidence_urls"] == ["https://a.example/1", "https://a.example/2"]
    (shown,) = xase_("records", "get", made["id"], "--json").json["interventions"]
    assert shown == answer.json
    assert "A second job" in xase_("records", "get", made["id"]).out


def test_a_list_is_one_document_with_an_exact_total_however_many_pages_it_takes(xase_, server):
    with server.client() as client:
        bodies = [{"model_id": "many", "input": {}, "output": {}} for _ in range(130)]
        newest = client.records.create_batch(bodies)[-1].id
    listed = xase_("records", "list", "--model-id", "many", "--limit", "120", "--offset", "5", "--json").json
    assert listed.keys() == {"data", "total", "limit", "offset"}
    assert (len(listed["data"]), listed["total"]) == (120, 130)
    assert listed["data"][0].keys() >= ALWAYS
    first = xase_("records", "list", "--model-id", "many", "--limit", "1", "--json").json["data"]
    assert [each["id"] for each in first] == [newest]


def test_every_filter_reaches_the_server(xase_, made):
    xase_("records", "intervene", made["id"], "--action", "approved", "--reason", "r")
    filters = ("--model-id", "credit-model-v2", "--transaction-id", "txn_1", "--has-intervention")
    bounds = ("--min-confidence", "0.61", "--max-confidence", "0.61", "--start-date", "2020-01-01", "--order", "asc")
    assert made["id"] in {each["id"] for each in xase_("records", "list", *filters, *bounds, "--json").json["data"]}
    for nobody in (("--no-intervention", "--order", "desc"), ("--policy-id", "p"), ("--end-date", "2020-01-01")):
        listed = xase_("records", "list", "--limit", "100", *nobody, "--json").json["data"]
        assert made["id"] not in {each["id"] for each in listed}


def test_a_table_shows_ids_whole_and_the_count_apart(xase_, server):
    with server.client() as client:
        (identifier,) = record(client, 1)
    answer = xase_("records", "list", "--limit", "1")
    assert identifier in answer.out
    assert answer.err.startswith("1 of ")


def test_whoami_names_the_key_and_its_scopes(xase_):
    assert xase_("whoami", "--json").json["role"] == "admin"
    assert "records:write" in xase_("whoami").out


def test_what_goes_to_standard_output_is_nothing_but_the_document(xase_, made):
    for arguments in (("records", "list"), ("records", "get", made["id"]), ("whoami",), ("keys", "list")):
        answer = xase_(*arguments, "--json")
        json.loads(answer.out)
        assert answer.err == ""
