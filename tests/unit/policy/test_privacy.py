"""What a policy may say of noise, and what becomes of it where several layers have a say."""

from decimal import Decimal
from typing import Any

import pytest

from xase_server.domain.errors import Refused
from xase_server.policy.contract import Conflict, Contract, meet, narrowed, read_contract, terms_of
from xase_server.policy.load import check_against, load
from xase_server.policy.privacy import Privacy
from xase_server.query.schema import DATE, FLOAT, INT, JSON, STRING, ListOf, struct

TERMS: dict[str, Any] = {
    "entity_key": "person",
    "epsilon_total": 10,
    "epsilon_per_query": 0.1,
    "max_contributions": 3,
    "bounds": {"age": [0, 120]},
}
SCHEMA = struct(
    {"person": STRING, "age": INT, "weight": FLOAT, "born": DATE, "any": JSON, "tags": ListOf(STRING), "who": STRING}
)


def policy(actions: list[str] | None = None, **constrain: Any) -> dict[str, Any]:
    when = {} if actions is None else {"actions": actions}
    return {"name": "p", "rules": [{"id": "r", "effect": "permit", "when": when, "constrain": constrain}]}


def contract(actions: list[str] | None = None, **constrain: Any) -> Contract:
    (rule,) = load(policy(actions, **(TERMS | constrain))).rules
    return meet(Contract(), terms_of(rule.constrain, actions=rule.when.actions, max_duration=None))


def faults(check: Any) -> dict[str, str]:
    with pytest.raises(Refused) as refused:
        check()
    return {each["field"].removeprefix("rules.0.constrain."): each["message"] for each in refused.value.details}


def test_the_terms_are_as_written_and_exact():
    assert contract().privacy == Privacy(Decimal(10), Decimal("0.1"), 3, {"age": (0.0, 120.0)})
    assert contract().to_dict()["privacy"] == {
        "epsilon_total": "10",
        "epsilon_per_query": "0.1",
        "max_contributions": 3,
        "bounds": {"age": [0.0, 120.0]},
    }
    assert read_contract(contract().to_dict()) == contract()


def test_a_contract_without_noise_says_nothing_of_it():
    assert "privacy" not in Contract().to_dict()
    assert Contract().hash == "sha256:67a4bdbe66b5a8ad5e3cc868e806e3c06ffe1d5e1ec5ae98ba61d5fadee868ae"


def test_one_row_of_each_person_counts_unless_the_policy_says_more():
    terms = {name: value for name, value in TERMS.items() if name not in {"max_contributions", "bounds"}}
    (rule,) = load(policy(**terms)).rules
    privacy = terms_of(rule.constrain, actions=None, max_duration=None).privacy
    assert (privacy.max_contributions, privacy.bounds) == (1, {})


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"epsilon_total": None}, "epsilon_total"),
        ({"epsilon_per_query": None}, "epsilon_per_query"),
        ({"entity_key": None}, "entity_key"),
        ({"epsilon_total": None, "epsilon_per_query": None}, "max_contributions"),
        ({"epsilon_total": None, "epsilon_per_query": None}, "bounds"),
        ({"epsilon_per_query": 10.5}, "epsilon_per_query"),
        ({"epsilon_per_query": 0.0000001}, "epsilon_per_query"),
        ({"epsilon_total": 0}, "epsilon_total"),
        ({"epsilon_total": 1001}, "epsilon_total"),
        ({"max_contributions": 0}, "max_contributions"),
        ({"bounds": {"age": [120, 0]}}, "bounds.age"),
        ({"bounds": {"age": [5, 5]}}, "bounds.age"),
        ({"bounds": {"age": [0]}}, "bounds"),
        ({"bounds": {"age": [0, 1e300]}}, "bounds"),
        ({"min_group_size": 5}, "min_group_size"),
        ({"round_to": 5}, "round_to"),
        ({"min_set_difference": 5}, "min_set_difference"),
        ({"transforms": {"person": {"op": "mask"}}}, "transforms"),
        ({"transforms": {"person.id": {"op": "hash"}}}, "transforms"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(changed, field):
    terms = {name: value for name, value in (TERMS | changed).items() if value is not None}
    assert any(each.startswith(field) for each in faults(lambda: load(policy(**terms))))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"entity_key": "tags"}, "entity_key"),
        ({"entity_key": "weight"}, "entity_key"),
        ({"entity_key": "any"}, "entity_key"),
        ({"bounds": {"person": [0, 1]}}, "bounds.person"),
        ({"bounds": {"born": [0, 1]}}, "bounds.born"),
        ({"bounds": {"tags": [0, 1]}}, "bounds.tags"),
        ({"bounds": {"height": [0, 1]}}, "bounds.height"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_by_its_name(changed, field):
    loaded = load(policy(**(TERMS | changed)))
    assert field in faults(lambda: check_against(loaded, SCHEMA, lambda _: None))


def test_a_hashed_person_is_still_one():
    hashed = policy(**TERMS, transforms={"person": {"op": "hash"}})
    check_against(load(hashed), SCHEMA, lambda _: None)
    assert contract(transforms={"person": {"op": "hash"}}).privacy is not None


def test_only_aggregates_are_open_unless_the_rule_names_actions():
    assert contract().actions == frozenset({"aggregate", "operations"})
    assert contract(["aggregate", "stream"]).actions == frozenset({"aggregate", "stream"})


def test_layers_keep_to_the_stricter_of_each():
    one = contract(bounds={"age": [0, 120], "weight": [0, 300]})
    other = contract(epsilon_total=5, epsilon_per_query=0.5, max_contributions=2, bounds={"age": [18, 200]})
    met = meet(one, other)
    assert met.privacy == Privacy(Decimal(5), Decimal("0.1"), 2, {"age": (18.0, 120.0)})
    assert met == meet(other, one)
    assert narrowed(one, other) == ["privacy"]
    assert narrowed(Contract(), one) == ["actions", "entity_keys", "privacy"]


def test_a_field_whose_ranges_do_not_meet_is_not_added_up():
    assert meet(contract(), contract(bounds={"age": [120, 200]})).privacy.bounds == {}


@pytest.mark.parametrize(
    "other",
    [
        Contract(entity_keys=frozenset({"who"})),
        Contract(transforms={"person": {"op": "redact"}}),
        Contract(transforms={"person": {"op": "generalize", "prefix": 1}}),
        Contract(min_group_size=5),
        Contract(round_to=10),
        Contract(min_set_difference=2),
    ],
)
def test_what_noise_cannot_stand_beside_is_a_contradiction(other):
    with pytest.raises(Conflict):
        meet(contract(), other)
    with pytest.raises(Conflict):
        meet(other, contract())


def test_noise_for_nobody_in_particular_is_a_contradiction():
    with pytest.raises(Conflict):
        meet(Contract(), Contract(privacy=Privacy(Decimal(1), Decimal(1))))
