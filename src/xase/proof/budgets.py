"""The story of privacy budgets: what noisy answers cost, and that no dataset's budget was overdrawn.

The entry of such an answer says its price, what all answers about its dataset had cost with it, and the total of
that time (docs/spec/evidence.md, section 7). So whoever has some sessions of a dataset can add up their prices,
and see that others' were counted too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from xase.proof.canonical import parse_canonical
from xase.proof.line import Line
from xase.proof.report import Finding, Severity

_STEP: Final = 7
_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{0,5}[1-9])?")


@dataclass(frozen=True, slots=True)
class _Paid:
    """What the entry of an answer says of its dataset's budget."""

    price: Decimal
    spent: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class _Priced:
    """What the text of a policy says: the largest total of a rule, and whether every permit has one."""

    largest: Decimal | None
    always: bool


def budgets_are_kept(lines: Sequence[Line], by_id: Mapping[str, Line]) -> Iterator[Finding]:
    """Answers are paid for one after the other, never beyond the total that their policy gives."""
    policies, spent = _policies(lines), dict[Any, Decimal]()
    for line in lines:
        if line.type != "aggregate":
            continue
        body = line.body
        policy = policies.get(_cited(line, by_id))
        if "epsilon" not in body:
            if policy is not None and policy.always:
                yield _error(line, "it costs nothing, and its policy has a price for every answer")
            continue
        paid = _paid(body)
        if paid is None:
            yield _error(line, "it does not say what it costs")
            continue
        dataset = str(body.get("dataset_id"))
        yield from _overdrawn(line, paid, spent.get(dataset, Decimal(0)), policy)
        spent[dataset] = paid.spent


def _overdrawn(line: Line, paid: _Paid, before: Decimal, policy: _Priced | None) -> Iterator[Finding]:
    if before + paid.price > paid.spent:
        yield _error(line, f"{before} had been spent before it; with its {paid.price} it says {paid.spent}")
    if paid.spent > paid.total:
        yield _error(line, f"its dataset's budget is overdrawn: {paid.spent} of {paid.total}")
    if policy is not None and policy.largest is not None and paid.total > policy.largest:
        yield _error(line, f"it names a total of {paid.total}, and its policy gives {policy.largest}")


def _paid(body: Mapping[str, Any]) -> _Paid | None:
    said = [body.get(name) for name in ("epsilon", "epsilon_spent", "epsilon_total")]
    amounts = [Decimal(each) for each in said if isinstance(each, str) and _AMOUNT.fullmatch(each)]
    return _Paid(*amounts) if len(amounts) == len(said) and amounts[0] > 0 else None


def _policies(lines: Sequence[Line]) -> Mapping[str, _Priced]:
    """The disclosed policies, by stream, id and version."""
    return {
        f"{line.stream} {line.body.get('policy_id')} {line.body.get('version')}": _priced(
            parse_canonical(line.shown["document"])
        )
        for line in lines
        if line.type == "policy_version" and "document" in line.shown
    }


def _cited(line: Line, by_id: Mapping[str, Line]) -> str:
    """The policy that opened the session of a line, by stream, id and version."""
    opening = by_id.get(str(line.body.get("session_id")))
    verdict = None if opening is None else by_id.get(str(opening.body.get("verdict")))
    if opening is None or verdict is None:
        return ""
    return f"{verdict.stream} {opening.body.get('policy_id')} {opening.body.get('policy_version')}"


def _priced(document: Any) -> _Priced:
    rules = document.get("rules") if isinstance(document, dict) else None
    written = rules if isinstance(rules, list) else ()
    permits = [each for each in written if isinstance(each, dict) and each.get("effect") == "permit"]
    totals = [_total(each.get("constrain")) for each in permits]
    known = [each for each in totals if each is not None]
    return _Priced(max(known, default=None), bool(totals) and len(known) == len(totals))


def _total(constrain: Any) -> Decimal | None:
    value = constrain.get("epsilon_total") if isinstance(constrain, dict) else None
    return Decimal(repr(value)) if type(value) in {int, float} else None


def _error(line: Line, message: str) -> Finding:
    return Finding(_STEP, Severity.ERROR, line.name, message)
