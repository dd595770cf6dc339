"""Policies are read strictly: both forms, and everything that is wrong is named."""

from copy import deepcopy
from typing import Any

import pytest

from xase_server.domain.errors import Refused
from xase_server.policy.load import check_against, load
from xase_server.query.parse import parse_filter
from xase_server.query.schema import INT, STRING, struct

# As printed in docs/spec/policy.md, section 1.
PLAIN = {
    "id": "policy_medical_research",
    "name": "Medical research",
    "rules": [
        {
            "allowed_models": ["research-v1"],
            "allowed_purposes": ["model-training", "validation"],
            "max_duration": "30d",
            "jurisdictions": ["EU", "UK"],
            "require_approval": True,
        }
    ],
    "rejection_behavior": "block_access",
}
FULL = {
    "id": "pol_medrec2024",
    "name": "Medical records for diagnostic models",
    "rules": [
        {
            "id": "train-diagnostic",
            "effect": "permit",
            "priority": 10,
            "when": {
                "purpose": ["model-development"],
                "organisations": ["org_acme_ai"],
                "roles": ["ml-engineer"],
                "models": ["diagnostic-*"],
                "actions": ["stream", "filter", "aggregate", "transform", "operations", "get_record"],
                "jurisdictions": ["DE", "FR"],
                "max_duration": "30d",
                "approvals": {"roles": ["data_steward", "dpo"], "quorum": 2},
            },
            "constrain": {
                "fields": ["record_id", "patient_id", "age"],
                "deny_fields": ["name", "address"],
                "filterable_fields": ["age"],
                "row_filter": {"consent.research": True},
                "transforms": {"patient_id": {"op": "hash", "domain": "grant"}},
                "aggregations": ["count", "sum", "avg"],
                "entity_key": "patient_id",
                "min_group_size": 10,
                "rate_limit": {"limit": 100, "period": "1m"},
                "max_records": 5000000,
                "max_queries": 2000,
                "max_concurrent": 4,
            },
        },
        {
            "id": "never",
            "effect": "forbid",
            "when": {"purpose": ["marketing", "insurance-pricing", "reidentification"]},
        },
    ],
}


def problem_of(document):
    with pytest.raises(Refused) as caught:
        load(document)
    assert caught.value.kind.slug == "validation_error"
    return caught.value.details


def changed(path, value):
    """The full policy with one place changed."""
    document = deepcopy(FULL)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return document


def test_the_plain_form_is_read_as_the_full_one():
    (rule,) = load(PLAIN).rules
    assert rule.effect == "permit"
    assert rule.when.models == ["research-v1"]
    assert rule.when.purpose == ["model-training", "validation"]
    assert rule.when.max_duration == "30d"
    assert rule.when.jurisdictions == ["EU", "UK"]
    assert rule.when.approvals.quorum == 1


def test_the_full_form_is_read_as_printed():
    permit, forbid = load(FULL).rules
    assert (permit.priority, permit.when.approvals.quorum, permit.constrain.min_group_size) == (10, 2, 10)
    assert (forbid.effect, forbid.when.purpose[0]) == ("forbid", "marketing")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("rules", 0, "when", "purposes"), ["x"], "rules.0.when.purposes"),
        (("rules", 0, "effect"), "allow", "rules.0.effect"),
        (("rules", 0, "constrain", "min_group_size"), 0, "rules.0.constrain.min_group_size"),
        (("rules", 0, "when", "actions"), ["copy"], "rules.0.when.actions.0"),
        (("rules", 0, "when", "max_duration"), "forever", "rules.0.when.max_duration"),
        (("rules", 0, "constrain", "rate_limit", "period"), "0", "rules.0.constrain.rate_limit.period"),
        (("rules", 0, "constrain", "transforms"), {"age": {"op": "encrypt"}}, "rules.0.constrain.transforms.age.op"),
        (("rules", 1, "id"), "train-diagnostic", "rules.1.id"),
        (("rules", 1, "constrain"), {"max_records": 1}, "rules.1.constrain"),
        (("rules", 1, "when", "approvals"), {"roles": ["dpo"]}, "rules.1.when.approvals"),
        (("rules",), [], "rules"),
        (("rules", 0, "constrain", "aggregations"), ["sum", "median"], "rules.0.constrain.aggregations.1"),
        (("rules", 0, "constrain", "bounds"), {"age": [0]}, "rules.0.constrain.bounds.age"),
        (("rules", 0, "constrain", "epsilon_total"), 0, "rules.0.constrain.epsilon_total"),
        (
            ("rules", 0, "constrain", "transforms"),
            {"age": {"op": "generalize", "widht": 5}},
            "rules.0.constrain.transforms.age.widht",
        ),
    ],
)
def test_what_is_wrong_is_named(path, value, field):
    assert problem_of(changed(path, value))[0]["field"] == field


def test_a_word_that_is_none_of_those_there_are_is_answered_with_them():
    document = changed(("rules", 0, "effect"), "allow")
    document["rules"][0]["when"] |= {"actions": ["download"], "purpose": "research"}
    assert [(each["field"], each["message"]) for each in problem_of(document)] == [
        ("rules.0.effect", "Must be one of forbid, permit"),
        ("rules.0.when.purpose", "Must be an array"),
        (
            "rules.0.when.actions.0",
            "Must be one of aggregate, filter, get_record, operations, stream, transform",
        ),
    ]


def test_approvals_in_a_prohibition_are_refused_by_its_name_and_not_ignored():
    (problem,) = problem_of(changed(("rules", 1, "when", "approvals"), {"roles": ["dpo"], "quorum": 2}))
    assert problem["message"] == "The prohibition never holds whoever agrees; ask for approvals in a permit"


def test_a_policy_must_fit_its_dataset():
    with pytest.raises(Refused) as caught:
        check_against(load(FULL), struct({"patient_id": STRING, "age": INT, "name": STRING}), lambda _: None)
    assert [problem["field"] for problem in caught.value.details] == ["rules.0.constrain.deny_fields.1"]


def test_a_row_filter_that_does_not_parse_is_named():
    def parse(_):
        raise Refused("invalid_query", "No such field")

    with pytest.raises(Refused) as caught:
        check_against(load(FULL), struct({"patient_id": STRING, "age": INT, "name": STRING, "address": STRING}), parse)
    assert caught.value.details == [{"field": "rules.0.constrain.row_filter", "message": "No such field"}]


def test_the_place_within_a_row_filter_is_named():
    document = changed(("rules", 0, "constrain", "row_filter"), {"age": {"$foo": 1}})
    schema = struct({"patient_id": STRING, "age": INT, "name": STRING, "address": STRING})
    with pytest.raises(Refused) as caught:
        check_against(load(document), schema, lambda row_filter: parse_filter(row_filter, schema))
    assert caught.value.details == [
        {"field": "rules.0.constrain.row_filter.age.$foo", "message": "Unknown operator"},
    ]
