"""`xase usage`, `xase audit` and `xase lineage`, against a real server."""

import json
from uuid import uuid4

import pytest

import xase


@pytest.mark.parametrize("grouping", ["dataset", "session", "model", "day"])
def test_sums_are_shown(xase_, grouping):
    answer = xase_("usage", "--by", grouping, "--limit", "2", "--json")
    assert answer.code == 0, answer.err
    assert answer.json.keys() == {"data", "total", "limit", "offset"}
    assert len(answer.json["data"]) == min(2, answer.json["total"])
    shown = xase_("usage", "--by", grouping)
    assert (shown.code, "records" in shown.out, " of " in shown.err) == (0, True, True)


def test_a_grouping_that_is_none_is_a_mistake_of_usage(xase_):
    assert xase_("usage", "--by", "week").code == 2


def test_the_trail_is_shown_newest_first(xase_):
    names = [f"audit-{uuid4().hex}" for _ in range(2)]
    made = [xase_("keys", "create", "--name", name, "--role", "auditor", "--json").json["id"] for name in names]
    answer = xase_("audit", "--type", "key_created", "--limit", "2", "--json")
    assert answer.code == 0, answer.err
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert [each["body"]["key_id"] for each in found] == made[::-1]
    of_one = xase_("audit", "--object", made[0], "--json").out.splitlines()
    assert [json.loads(line)["type"] for line in of_one] == ["key_created"]
    assert made[1] in xase_("audit", "--type", "key_created").out


@pytest.fixture
def told(xase_, tmp_path):
    """The names of a dataset, of a model that was trained on it, and the id of a decision of that model."""
    name = f"lineage-{uuid4().hex[:8]}"
    (tmp_path / "rows.ndjson").write_text('{"id": "r1", "person": "p1", "age": 61}\n{"id": "r2", "person": "p2"}\n')
    with xase.Client() as client:
        client.datasets.register(name=name, file="rows.ndjson", id_field="id", subject_field="person")
        with client.access(dataset=name, purpose="model-training") as session:
            batches = [batch.batch_id for batch in session.stream()]
            session.record_operation(operation_type="TRAIN", batch_ids=batches, metadata={"model_id": name})
        made = client.records.create(model_id=name, input={}, output={})
    return name, made.id


def test_lineage_is_followed_from_each_end(xase_, told):
    name, decision = told
    for what in (("record", decision), ("model", name), ("dataset", name), ("dataset", name, "--subject", "p1")):
        graph = xase_("lineage", *what, "--json").json
        kinds = {node["type"] for node in graph["nodes"]}
        assert kinds >= {"decision", "model", "session", "dataset_version"}, (what, kinds)
        shown = xase_("lineage", *what)
        assert (shown.code, decision in shown.out, "was made by" in shown.out) == (0, True, True)


def test_lineage_of_who_was_never_there_leads_nowhere(xase_, told):
    name, decision = told
    assert decision not in xase_("lineage", "dataset", name, "--subject", "nobody").out


def test_lineage_is_written_as_prov_too(xase_, told):
    answer = xase_("lineage", "record", told[1], "--format", "prov")
    assert answer.code == 0, answer.err
    assert answer.json["@context"]["prov"] == "http://www.w3.org/ns/prov#"


def test_lineage_of_what_is_not_there_is_not_found(xase_):
    assert xase_("lineage", "model", "no-such-model").code == xase_("records", "get", "rec_0000000000000000").code
