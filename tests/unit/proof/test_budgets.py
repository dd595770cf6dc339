"""Privacy budgets in evidence: whatever a policy's text or an entry holds, the verifier judges and never fails."""

import pytest

from scripts.vectorlog import KEYS
from scripts.vectorsessions import OTHER, SessionLog, noisy
from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest
from xase.proof.trust import read_trust
from xase.proof.verify import verify_bundle

TRUST = read_trust([(KEYS / "trusted.json").read_text()])
PAID = {"epsilon": "0.5", "epsilon_spent": "0.5", "epsilon_total": "2"}


def errors(log: SessionLog) -> list[str]:
    return [each.message for each in verify_bundle(log.pack(), TRUST).findings if each.severity.value == "error"]


def under(document, **said) -> SessionLog:
    """One answer in a session that a policy of this text opened."""
    log, digest = SessionLog(), sha256_digest(canonical(document))
    log.hold(document)
    log.rule(policy_hash=digest)
    log.open(policy_hash=digest)
    log.release(1, (), type="aggregate", via="aggregate", result_count=3, **said)
    return log


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        {},
        {"rules": 5},
        {"rules": {"a": 1}},
        {"rules": [None, 7, {}, {"effect": "permit"}, {"effect": "permit", "constrain": []}]},
        {"rules": [{"effect": "permit", "constrain": {"epsilon_total": "2"}}]},
        {"rules": [{"effect": "permit", "constrain": {"epsilon_total": True}}]},
    ],
)
def test_a_policy_that_sets_no_budget_leaves_answers_as_they_are(document):
    assert errors(under(document)) == []
    assert errors(under(document, **PAID)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"epsilon": 0.5},
        {"epsilon": None},
        {"epsilon": "0"},
        {"epsilon": "-1"},
        {"epsilon": ".5"},
        {"epsilon": "1e-1"},
        {"epsilon": "0.50"},
        {"epsilon": "0.0000005"},
        {"epsilon": "9" * 30},
        {"epsilon_spent": ["0.5"]},
        {"epsilon_total": "inf"},
    ],
)
def test_an_amount_is_written_in_one_way_only(changed):
    assert errors(under({"rules": []}, **(PAID | changed))) == ["it does not say what it costs"]


def test_a_second_rule_with_a_larger_total_is_a_rule_of_the_policy():
    rules = [{"effect": "permit", "constrain": {"epsilon_total": total}} for total in (1, 2.5)]
    assert errors(under({"rules": rules}, **(PAID | {"epsilon_total": "2.5"}))) == []
    (said,) = errors(under({"rules": rules}, **(PAID | {"epsilon_total": "2.6"})))
    assert said == "it names a total of 2.6, and its policy gives 2.5"


def test_a_permit_without_a_budget_beside_one_with_it_leaves_answers_free():
    rules = [{"effect": "permit", "constrain": {"epsilon_total": 1}}, {"effect": "permit"}]
    assert errors(under({"rules": rules})) == []


def test_each_dataset_has_a_budget_of_its_own():
    log = noisy(("0.5", "1.5", "2"))
    log.open(OTHER)
    log.release(9, (), type="aggregate", session=OTHER, **PAID)
    assert "1.5 had been spent before it; with its 0.5 it says 0.5" in errors(log)
    log = noisy(("0.5", "1.5", "2"))
    log.open(OTHER, dataset_id="ds_00000000000000bb")
    log.release(9, (), type="aggregate", session=OTHER, dataset_id="ds_00000000000000bb", **PAID)
    assert not any("spent" in each for each in errors(log))
