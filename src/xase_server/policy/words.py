"""A policy in words: what people read in a report, beside the document itself, which is what counts."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import structs

from xase_server.policy.model import Approvals, Constrain, Policy, Rule, When

_NOBODY: Final = "What no rule permits is denied."

_OPERATIONS: Final[Mapping[str, str]] = {
    "hash": "is replaced by a keyed hash",
    "tokenize": "is replaced by a token",
    "mask": "is masked",
    "redact": "is blacked out",
    "drop": "does not exist",
    "generalize": "is given as a range",
    "bucketize": "is given as a band",
    "date_shift": "is moved by some days",
    "noise": "has noise added",
    "k_anonymize": "is made alike for so many people that none stands out",
    "scrub_text": "is cleared of what names people",
}


def in_words(policy: Policy) -> list[tuple[str, list[str]]]:
    """Each rule as a sentence and what it imposes as further ones, in the policy's order, ending with the default."""
    return [*((_rule(rule), _terms(rule.constrain)) for rule in policy.rules), (_NOBODY, [])]


def _rule(rule: Rule) -> str:
    verb = "permits" if rule.effect == "permit" else "forbids"
    rank = f", with priority {rule.priority}," if rule.priority else ""
    return f"Rule {rule.id}{rank} {verb} {' '.join(_conditions(rule.when))}."


def _conditions(when: When) -> Iterable[str]:
    yield _either(when.purpose) if when.purpose else "every purpose"
    yield f"to {_either(when.organisations)}" if when.organisations else "to every organisation"
    if when.roles:
        yield f"in the role {_either(when.roles)}"
    if when.models:
        yield f"for models like {_either(when.models)}"
    if when.jurisdictions:
        yield f"from {_either(when.jurisdictions)}"
    if when.actions:
        yield f"by {_either(when.actions)}"
    if when.max_duration:
        yield f"for at most {when.max_duration}"
    if when.approvals:
        yield _agreement(when.approvals)


def _agreement(approvals: Approvals) -> str:
    people = "one person" if approvals.quorum == 1 else f"{approvals.quorum} different people"
    return f"once {people} in the role {_either(approvals.roles)} agreed"


_TERMS: Final[Mapping[str, Callable[[Any], Iterable[str]]]] = {
    "fields": lambda names: [f"Only {_all(names)} can be seen."],
    "deny_fields": lambda names: [f"{_all(names)} can never be seen."],
    "filterable_fields": lambda names: [f"Only {_all(names)} can be filtered, sorted or grouped by."],
    "row_filter": lambda query: [f"Only records that match {_json(query)} exist."],
    "transforms": lambda fields: [_transform(name, spec) for name, spec in sorted(fields.items())],
    "aggregations": lambda names: [f"Only {_all(names)} can be computed."],
    "entity_key": lambda name: [f"People in groups are counted by {name}."],
    "min_group_size": lambda size: [f"Groups of fewer than {size:,} are not answered."],
    "round_to": lambda step: [f"Counts of groups are rounded to {step:,}."],
    "min_set_difference": lambda size: [f"Queries that differ by fewer than {size:,} are not answered."],
    "epsilon_total": lambda most: [f"Answers have noise added, and spend a privacy budget of {most:g} in all."],
    "epsilon_per_query": lambda most: [f"One query spends at most {most:g} of the privacy budget."],
    "max_contributions": lambda most: [f"One person counts at most {most:,} times in an answer with noise."],
    "bounds": lambda fields: [
        f"{name} counts from {low:g} to {high:g}." for name, (low, high) in sorted(fields.items())
    ],
    "rate_limit": lambda rate: [f"At most {rate.limit:,} requests in {rate.period}."],
    "max_records": lambda most: [f"At most {most:,} records in a session."],
    "max_queries": lambda most: [f"At most {most:,} queries in a session."],
    "max_bytes": lambda most: [f"At most {most:,} bytes in a session."],
    "max_concurrent": lambda most: [f"At most {most:,} requests at once."],
    "per_organisation": lambda limits: [
        f"All sessions of one organisation together: {_lowered(sentence)}"
        for name, value in structs.asdict(limits).items()
        if value is not None
        for sentence in _SHARED[name](value)
    ],
}

_SHARED: Final[Mapping[str, Callable[[Any], Iterable[str]]]] = {
    "rate_limit": _TERMS["rate_limit"],
    "max_records": lambda most: [f"At most {most:,} records."],
    "max_queries": lambda most: [f"At most {most:,} queries."],
    "max_bytes": lambda most: [f"At most {most:,} bytes."],
    "max_concurrent": _TERMS["max_concurrent"],
}


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _terms(constrain: Constrain) -> list[str]:
    """A sentence for each thing imposed; what has no sentence of its own is shown as it is written."""
    imposed = {name: value for name, value in structs.asdict(constrain).items() if value is not None}
    return [
        sentence
        for name, value in imposed.items()
        for sentence in (_TERMS[name](value) if name in _TERMS else [f"{name}: {_json(value)}."])
    ]


def operation_in_words(operation: str) -> str:
    """What a transform does to values: `is masked`."""
    return _OPERATIONS.get(operation, f"is changed by {operation}")


def _transform(field: str, spec: Mapping[str, Any]) -> str:
    more = {name: value for name, value in spec.items() if name != "op"}
    return f"{field} {operation_in_words(spec['op'])}{f' ({_json(more)})' if more else ''}."


def _either(words: Iterable[str]) -> str:
    return _joined(words, "or")


def _all(words: Iterable[str]) -> str:
    return _joined(words, "and")


def _joined(words: Iterable[str], last: str) -> str:
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=structs.asdict)
