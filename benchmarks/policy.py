"""How long the verdict of a large policy takes."""

from benchmarks.measure import Result, percentile, seconds
from benchmarks.options import Options
from xase_server.policy.decide import AccessRequest, Layer, LayerKind, decide
from xase_server.policy.load import load

RULES = 500


def run(options: Options) -> list[Result]:
    """Verdicts of a large policy."""
    rounds = 20 if options.quick else 500
    layers = (Layer(LayerKind.DATASET, "pol", 1, load(_policy())),)
    results = []
    for name, model in (("permit", f"diagnostic-{RULES // 2 + 1}-v2"), ("denial", "other")):
        request = _request(model)
        times = [seconds(lambda request=request: decide(layers, request)) * 1_000 for _ in range(rounds)]  # type: ignore[misc]
        results.append(Result(f"Verdict of {RULES} rules, {name}, p50", percentile(times, 0.5), "ms", "<= 1"))
    return results


def _request(model: str) -> AccessRequest:
    return AccessRequest(
        organisation="org_lab",
        principal="lab@example.com",
        role="ai_lab",
        purpose="model-training",
        now_ms=0,
        duration_ms=86_400_000,
        model_id=model,
        jurisdiction="DE",
    )


def _policy() -> dict[str, object]:
    """Rules that differ in what is looked at last, so that each is looked at whole."""
    return {"name": "Large", "rules": [_rule(number) for number in range(RULES)]}


def _rule(number: int) -> dict[str, object]:
    when = {
        "purpose": ["model-development"],
        "organisations": ["org_other", "org_lab"],
        "jurisdictions": ["FR", "DE"],
        "max_duration": "30d",
        "models": [f"diagnostic-{number}-*"],
    }
    if number % 10 == 0:
        return {"id": f"rule-{number}", "effect": "forbid", "when": when}
    constrain = {"max_records": number + 1, "deny_fields": ["name"]}
    return {"id": f"rule-{number}", "effect": "permit", "priority": number, "when": when, "constrain": constrain}
