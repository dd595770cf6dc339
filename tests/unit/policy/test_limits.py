"""Limits over an organisation: where they stand says whose use they bound."""

import pytest

from xase_server.domain.errors import Refused
from xase_server.domain.quotas import dataset_account, holder_account
from xase_server.policy.contract import Contract, read_contract
from xase_server.policy.decide import AccessRequest, Layer, LayerKind, decide
from xase_server.policy.limits import Limits, PerOrganisation, strictest
from xase_server.policy.load import load
from xase_server.policy.words import in_words

SHARED = {"max_records": 9, "rate_limit": {"limit": 5, "period": "1m"}}


def policy(**constrain):
    return load({"name": "p", "rules": [{"id": "one", "effect": "permit", "constrain": constrain}]})


def test_a_policy_bounds_its_dataset_and_a_guardrail_all_of_the_holders():
    layers = [
        Layer(LayerKind.GUARDRAIL, "law", 2, policy(per_organisation={"max_records": 20, "max_concurrent": 3})),
        Layer(LayerKind.DATASET, "own", 1, policy(per_organisation=SHARED, max_records=4)),
    ]
    verdict = decide(layers, AccessRequest("org_lab", "x@y.z", None, "research", 0))
    assert verdict.contract.per_organisation == PerOrganisation(
        Limits(((5, 60_000),), max_records=9), Limits(max_records=20, max_concurrent=3)
    )
    assert verdict.narrowed_by == {"per_organisation": "dataset:own@1", "max_records": "dataset:own@1"}
    assert read_contract(verdict.contract.terms()) == verdict.contract


def test_terms_without_such_limits_have_the_hash_that_they_always_had():
    assert "per_organisation" not in Contract(max_records=3).terms()


@pytest.mark.parametrize(
    ("shared", "field"),
    [
        ({"max_record": 1}, "rules.0.constrain.per_organisation.max_record"),
        ({"max_records": 0}, "rules.0.constrain.per_organisation.max_records"),
        ({"rate_limit": {"limit": 1, "period": "often"}}, "rules.0.constrain.per_organisation.rate_limit.period"),
    ],
)
def test_what_is_wrong_is_named(shared, field):
    with pytest.raises(Refused) as caught:
        policy(per_organisation=shared)
    assert [each["field"] for each in caught.value.details] == [field]


def test_of_rates_over_one_period_the_strictest_counts():
    assert strictest(((9, 60_000), (2, 60_000), (5, 1_000))) == {60_000: 2, 1_000: 5}


def test_they_are_told_in_words():
    (_, terms), _ = in_words(policy(per_organisation=SHARED))
    assert terms == [
        "All sessions of one organisation together: at most 5 requests in 1m.",
        "All sessions of one organisation together: at most 9 records.",
    ]


def test_no_two_accounts_have_one_name():
    assert holder_account("c", "a/b") != holder_account("b/c", "a")
    assert dataset_account("lab", "ds_1") != holder_account("lab", "ds_1")
