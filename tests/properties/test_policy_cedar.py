"""Verdicts against Cedar's: the same rules as Cedar policies, the same requests, the same answers.

What Cedar does not have is told here in its terms: of several matching permits the highest priority
wins and a tie denies. Its diagnostics say which permits matched. Cedar is asked about one action at a
time, we about all of them: a prohibition of some actions leaves a permit of the others.
"""

import json
import random

import cedarpy
import pytest

from xase_server.domain.times import parse_duration
from xase_server.policy.decide import AccessRequest, Layer, LayerKind, Outcome, decide
from xase_server.policy.load import load
from xase_server.policy.model import ACTIONS
from xase_server.policy.purposes import DEFAULT_PURPOSES

PURPOSES = [*DEFAULT_PURPOSES.parents, *DEFAULT_PURPOSES.synonyms, "something-else"]
ORGANISATIONS = ["org_a", "org_b", "org_c"]
ROLES = ["ai_lab", "admin", "ml-engineer"]
MODELS = ["diagnostic-v1", "diagnostic-v2", "Diagnostic-v1", "scoring", "a*b", "ab", 'quote"\\', ""]
PATTERNS = ["*", "diagnostic-*", "*-v1", "d*-v*", "scoring", "a*b", 'quote"*', "**", "*a*b*"]
PLACES = ["DE", "FR", "EU"]
DURATIONS = ["1d", "24h", "2w", "90m"]
DAY_MS = 86_400_000
KINDS = sorted(ACTIONS)
POLICIES, REQUESTS = 150, 12


def some(dice, words):
    return dice.sample(words, dice.randint(1, min(3, len(words))))


def rule(dice, number):
    choices = {
        "purpose": some(dice, PURPOSES),
        "organisations": some(dice, ORGANISATIONS),
        "roles": some(dice, ROLES),
        "models": some(dice, PATTERNS),
        "jurisdictions": some(dice, PLACES),
        "max_duration": dice.choice(DURATIONS),
    }
    effect = "forbid" if dice.random() < 0.3 else "permit"
    often = 0.3 if effect == "permit" else 0.15
    when = {name: value for name, value in choices.items() if dice.random() < often}
    if effect == "forbid" and dice.random() < 0.6:
        when["actions"] = dice.sample(KINDS, dice.randint(1, len(KINDS)))
    return {"id": f"rule-{number}", "effect": effect, "priority": dice.randint(0, 3), "when": when}


def request(dice):
    return AccessRequest(
        organisation=dice.choice(ORGANISATIONS),
        principal="lab@example.com",
        role=dice.choice([None, *ROLES]),
        purpose=dice.choice(PURPOSES),
        now_ms=0,
        duration_ms=dice.choice([None, DAY_MS, DAY_MS + 1, 90 * 60_000, 20 * DAY_MS]),
        model_id=dice.choice([None, *MODELS[:-1]]),
        jurisdiction=dice.choice([None, *PLACES]),
    )


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def clauses(when):
    """The conditions in Cedar's words."""
    if "purpose" in when:
        named = ", ".join(f"Purpose::{quoted(DEFAULT_PURPOSES.plain(each))}" for each in when["purpose"])
        yield f"context.purpose in [{named}]"
    for clause, attribute in (("organisations", "organisation"), ("roles", "role"), ("jurisdictions", "jurisdiction")):
        if clause in when:
            listed = ", ".join(map(quoted, when[clause]))
            yield f"context has {attribute} && [{listed}].contains(context.{attribute})"
    if "models" in when:
        likes = " || ".join(f"context.model like {quoted(each)}" for each in when["models"])
        yield f"context has model && ({likes})"
    if "max_duration" in when:
        most = parse_duration(when["max_duration"], "", maximum_ms=100 * 366 * DAY_MS)
        yield f"(!(context has duration) || context.duration <= {most})"


def in_cedar(rules):
    texts = []
    for each in rules:
        condition = " && ".join(f"({clause})" for clause in clauses(each["when"])) or "true"
        named = ", ".join(f"Action::{quoted(action)}" for action in each["when"].get("actions", KINDS))
        texts.append(f"{each['effect']}(principal, action in [{named}], resource) when {{ {condition} }};")
    return "\n".join(texts)


def asked_in_cedar(request, action):
    attributes = {
        "organisation": request.organisation,
        "role": request.role,
        "model": request.model_id,
        "jurisdiction": request.jurisdiction,
        "duration": request.duration_ms,
    }
    context = {name: value for name, value in attributes.items() if value is not None}
    context["purpose"] = {"__entity": {"type": "Purpose", "id": DEFAULT_PURPOSES.plain(request.purpose)}}
    return {
        "principal": 'User::"a"',
        "action": f"Action::{quoted(action)}",
        "resource": 'Dataset::"d"',
        "context": context,
    }


def tree():
    return json.dumps(
        [
            {
                "uid": {"type": "Purpose", "id": name},
                "attrs": {},
                "parents": [] if above is None else [{"type": "Purpose", "id": above}],
            }
            for name, above in DEFAULT_PURPOSES.parents.items()
        ]
    )


def expected(rules, answer):
    """(outcome, the chosen rule, the code that must be there) for one action, by Cedar's answer."""
    matched = [rules[int(reason.removeprefix("policy"))] for reason in answer.diagnostics.reasons]
    assert answer.diagnostics.errors == []
    if answer.decision is cedarpy.Decision.Allow:
        top = max(each["priority"] for each in matched)
        best = [each["id"] for each in matched if each["priority"] == top]
        return (Outcome.PERMIT, best[0], None) if len(best) == 1 else (Outcome.DENY, None, "conflict")
    return (Outcome.DENY, None, "forbidden" if matched else None)


def compare(rules, asked, answers, seen):
    by_action = {action: expected(rules, answer) for action, answer in zip(KINDS, answers, strict=True)}
    verdict = decide([Layer(LayerKind.DATASET, "pol", 1, load({"name": "p", "rules": rules}))], asked)
    allowed = {action for action, (outcome, _, _) in by_action.items() if outcome is Outcome.PERMIT}
    if allowed:
        assert verdict.outcome is Outcome.PERMIT, (rules, asked)
        assert (ACTIONS if verdict.contract.actions is None else verdict.contract.actions) == allowed
        assert set(verdict.chosen.values()) == {chosen for _, chosen, _ in by_action.values() if chosen}
        seen.add("all" if allowed == ACTIONS else "some")
        return
    assert verdict.outcome is Outcome.DENY, (rules, asked)
    found = {each.rule for each in verdict.violations}
    codes = {code for _, _, code in by_action.values()}
    if wanted := (codes - {"forbidden"} or codes) - {None}:
        assert found == wanted
    else:
        assert found
        assert not {"forbidden", "conflict"} & found
    seen |= found & {"forbidden", "conflict"} or {"lacking"}


@pytest.mark.parametrize("seed", range(10))
def test_cedar_says_the_same(seed):
    dice = random.Random(seed)
    entities, seen = tree(), set[str]()
    for _ in range(POLICIES // 10):
        rules = [rule(dice, number) for number in range(dice.randint(1, 6))]
        requests = [request(dice) for _ in range(REQUESTS)]
        questions = [asked_in_cedar(each, action) for each in requests for action in KINDS]
        answers = cedarpy.is_authorized_batch(questions, in_cedar(rules), entities)
        for number, asked in enumerate(requests):
            compare(rules, asked, answers[number * len(KINDS) : (number + 1) * len(KINDS)], seen)
    assert {"all", "some", "forbidden", "lacking"} <= seen


def test_enough_cases_are_compared():
    assert POLICIES * REQUESTS >= 1_000
