"""Verdicts against Cedar's: the same rules as Cedar policies, the same requests, the same answers.

What Cedar does not have is told here in its terms: of several matching permits the highest priority
wins and a tie denies. Its diagnostics say which permits matched.
"""

import json
import random

import cedarpy
import pytest

from xase_server.domain.times import parse_duration
from xase_server.policy.decide import AccessRequest, Layer, LayerKind, Outcome, decide
from xase_server.policy.load import load
from xase_server.policy.purposes import DEFAULT_PURPOSES

PURPOSES = [*DEFAULT_PURPOSES.parents, *DEFAULT_PURPOSES.synonyms, "something-else"]
ORGANISATIONS = ["org_a", "org_b", "org_c"]
ROLES = ["ai_lab", "admin", "ml-engineer"]
MODELS = ["diagnostic-v1", "diagnostic-v2", "Diagnostic-v1", "scoring", "a*b", "ab", 'quote"\\', ""]
PATTERNS = ["*", "diagnostic-*", "*-v1", "d*-v*", "scoring", "a*b", 'quote"*', "**", "*a*b*"]
PLACES = ["DE", "FR", "EU"]
DURATIONS = ["1d", "24h", "2w", "90m"]
DAY_MS = 86_400_000
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
    when = {name: value for name, value in choices.items() if dice.random() < 0.3}
    effect = "forbid" if dice.random() < 0.2 else "permit"
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
        texts.append(f"{each['effect']}(principal, action, resource) when {{ {condition} }};")
    return "\n".join(texts)


def asked_in_cedar(request):
    attributes = {
        "organisation": request.organisation,
        "role": request.role,
        "model": request.model_id,
        "jurisdiction": request.jurisdiction,
        "duration": request.duration_ms,
    }
    context = {name: value for name, value in attributes.items() if value is not None}
    context["purpose"] = {"__entity": {"type": "Purpose", "id": DEFAULT_PURPOSES.plain(request.purpose)}}
    return {"principal": 'User::"a"', "action": 'Action::"access"', "resource": 'Dataset::"d"', "context": context}


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
    """(outcome, the chosen rule, the codes that must be there) by Cedar's answer."""
    matched = [rules[int(reason.removeprefix("policy"))] for reason in answer.diagnostics.reasons]
    assert answer.diagnostics.errors == []
    if answer.decision is cedarpy.Decision.Allow:
        top = max(each["priority"] for each in matched)
        best = [each["id"] for each in matched if each["priority"] == top]
        return (Outcome.PERMIT, best[0], []) if len(best) == 1 else (Outcome.DENY, None, ["conflict"])
    return (Outcome.DENY, None, ["forbidden"] if matched else None)


@pytest.mark.parametrize("seed", range(10))
def test_cedar_says_the_same(seed):
    dice = random.Random(seed)
    entities, seen = tree(), set()
    for _ in range(POLICIES // 10):
        rules = [rule(dice, number) for number in range(dice.randint(1, 6))]
        layer = Layer(LayerKind.DATASET, "pol", 1, load({"name": "p", "rules": rules}))
        requests = [request(dice) for _ in range(REQUESTS)]
        answers = cedarpy.is_authorized_batch([asked_in_cedar(each) for each in requests], in_cedar(rules), entities)
        for asked, answer in zip(requests, answers, strict=True):
            outcome, chosen, codes = expected(rules, answer)
            verdict = decide([layer], asked)
            assert verdict.outcome is outcome, (rules, asked)
            assert list((verdict.chosen or {}).values()) == ([chosen] if chosen else [])
            found = [each.rule for each in verdict.violations]
            if codes is not None:
                assert found == codes
            else:
                assert found
                assert not {"forbidden", "conflict"} & set(found)
            seen.add((outcome, *(codes or ())))
    assert {(Outcome.PERMIT,), (Outcome.DENY,), (Outcome.DENY, "forbidden")} <= seen


def test_enough_cases_are_compared():
    assert POLICIES * REQUESTS >= 1_000
