"""A policy in words: every rule and every constraint has its sentence, and none is left out."""

from msgspec import structs

from xase_server.policy.load import load
from xase_server.policy.model import Constrain
from xase_server.policy.words import _TERMS, in_words

RULES = [
    {
        "id": "train",
        "effect": "permit",
        "priority": 10,
        "when": {
            "purpose": ["model-development"],
            "organisations": ["org_lab"],
            "models": ["diagnostic-*"],
            "jurisdictions": ["DE", "FR"],
            "max_duration": "30d",
            "approvals": {"roles": ["data_holder"], "quorum": 2},
        },
        "constrain": {
            "deny_fields": ["name", "address"],
            "row_filter": {"consent.research": True},
            "transforms": {"patient": {"op": "hash"}, "age": {"op": "generalize", "width": 10}},
            "min_group_size": 10,
            "rate_limit": {"limit": 1_000, "period": "1h"},
            "max_records": 5_000_000,
        },
    },
    {"id": "never", "effect": "forbid", "when": {"purpose": ["marketing"]}},
]


def test_each_rule_is_a_sentence_followed_by_what_it_imposes():
    (permit, terms), (forbid, none), (default, _) = in_words(load({"name": "p", "rules": RULES}))
    assert permit == (
        "Rule train, with priority 10, permits model-development to org_lab for models like diagnostic-* "
        "from DE or FR for at most 30d once 2 different people in the role data_holder agreed."
    )
    assert terms == [
        "name and address can never be seen.",
        'Only records that match {"consent.research": true} exist.',
        'age is given as a range ({"width": 10}).',
        "patient is replaced by a keyed hash.",
        "Groups of fewer than 10 are not answered.",
        "At most 1,000 requests in 1h.",
        "At most 5,000,000 records in a session.",
    ]
    assert forbid == "Rule never forbids marketing to every organisation."
    assert none == []
    assert default == "What no rule permits is denied."


def test_the_plain_form_reads_the_same():
    rule = {"allowed_purposes": ["validation"], "require_approval": True}
    (sentence, _), _ = in_words(load({"name": "p", "rules": [rule], "rejection_behavior": "block_access"}))
    assert "permits validation to every organisation" in sentence
    assert "once one person in the role data_holder or admin agreed" in sentence


def test_every_constraint_has_a_sentence():
    assert {field.name for field in structs.fields(Constrain)} <= _TERMS.keys()
