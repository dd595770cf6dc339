"""`decide(layers, request) → Verdict`: one pure function, the same for real requests and for simulations.

Order (docs/spec/policy.md, section 1): guardrails must all hold; any matching prohibition ends it; of
the permits exactly one must have the highest priority; approvals; then the meet of all constraints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from xase_server.domain.times import parse_duration
from xase_server.policy.contract import Conflict, Contract, meet, narrowed, terms_of
from xase_server.policy.model import Approvals, Policy, Rule
from xase_server.policy.purposes import DEFAULT_PURPOSES, Purposes

_LONGEST_MS: Final = 100 * 366 * 86_400_000


class Outcome(StrEnum):
    """What a policy says."""

    PERMIT = "permit"
    DENY = "deny"
    APPROVAL_REQUIRED = "approval_required"


class LayerKind(StrEnum):
    """From the widest to the narrowest."""

    GUARDRAIL = "guardrail"
    DATASET = "dataset"


@dataclass(frozen=True, slots=True)
class Layer:
    """One policy version that has a say."""

    kind: LayerKind
    policy_id: str
    version: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody agreed; `role` is the one they hold now, not the one they held then."""

    approver: str
    role: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who asks for what. `duration_ms` is None for as long as the policy allows."""

    organisation: str
    principal: str
    role: str | None
    purpose: str
    now_ms: int
    duration_ms: int | None = None
    model_id: str | None = None
    jurisdiction: str | None = None
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One clause: what it wanted, what it got, and whether it held."""

    layer: str
    rule: str
    clause: str
    wanted: Any
    got: Any
    held: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """Why not, as a stable code and a sentence that the requester may read."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a request.

    `contract` is there for a permit; `approvers` are the roles still to agree; `chosen` names the
    rule of each layer; `narrowed_by` which layer made which term stricter; `trace` is for the
    holder, never for the requester.
    """

    outcome: Outcome
    policy_id: str | None
    policy_version: int | None
    violations: tuple[Violation, ...] = ()
    contract: Contract | None = None
    approvers: tuple[str, ...] = ()
    chosen: Mapping[str, str] | None = None
    narrowed_by: Mapping[str, str] | None = None
    trace: tuple[Check, ...] = ()


# What a requester learns about a clause that did not hold.
_SAID: Final = {
    "purpose": Violation("purpose_not_allowed", "This purpose is not allowed"),
    "organisations": Violation("organisation_not_allowed", "Access is not open to this organisation"),
    "roles": Violation("role_not_allowed", "Access is not open to this role"),
    "models": Violation("model_not_allowed", "Access is not open to this model; name an allowed model_id"),
    "jurisdictions": Violation("jurisdiction_not_allowed", "Access is not open from this jurisdiction"),
    "max_duration": Violation("duration_too_long", "This duration is longer than allowed"),
}
_NO_POLICY: Final = Violation("no_policy", "This dataset is not open to anyone")
_FORBIDDEN: Final = Violation("forbidden", "This use is forbidden")
AMBIGUOUS: Final = Violation("conflict", "The policy contradicts itself; its owner must resolve that")


def decide(layers: Sequence[Layer], request: AccessRequest, purposes: Purposes = DEFAULT_PURPOSES) -> Verdict:
    """The verdict of all layers on the request; without a dataset's policy it is a denial."""
    trace = [
        check for layer in layers for rule in layer.policy.rules for check in _checks(layer, rule, request, purposes)
    ]
    own = next((layer for layer in layers if layer.kind is LayerKind.DATASET), None)
    verdict = Verdict(
        Outcome.DENY,
        own.policy_id if own else None,
        own.version if own else None,
        trace=tuple(trace),
    )
    if own is None:
        return replace(verdict, violations=(_NO_POLICY,))
    held = _Held(trace)
    violations = [each for layer in layers for each in _objections(layer, held)]
    if violations:
        return replace(verdict, violations=tuple(dict.fromkeys(violations)))
    chosen = [(layer, rule) for layer in layers for rule in _best(layer, held)]
    missing = sorted({role for _, rule in chosen for role in _missing(rule.when.approvals, request)})
    if missing:
        return replace(verdict, outcome=Outcome.APPROVAL_REQUIRED, approvers=tuple(missing))
    return _granted(verdict, chosen)


def _granted(verdict: Verdict, chosen: Sequence[tuple[Layer, Rule]]) -> Verdict:
    contract = Contract()
    narrowed_by: dict[str, str] = {}
    try:
        for layer, rule in chosen:
            terms = terms_of(rule.constrain, actions=rule.when.actions, max_duration=rule.when.max_duration)
            narrowed_by |= dict.fromkeys(narrowed(contract, terms), _place(layer))
            contract = meet(contract, terms)
    except Conflict:
        return replace(verdict, violations=(AMBIGUOUS,))
    rules = {_place(layer): rule.id for layer, rule in chosen}
    return replace(verdict, outcome=Outcome.PERMIT, contract=contract, chosen=rules, narrowed_by=narrowed_by)


class _Held:
    """Which rules match, by the clauses that were checked."""

    def __init__(self, trace: Sequence[Check]) -> None:
        self._failed: dict[tuple[str, str], list[str]] = {}
        for check in trace:
            if not check.held:
                self._failed.setdefault((check.layer, check.rule), []).append(check.clause)

    def failed(self, layer: Layer, rule: Rule) -> list[str]:
        return self._failed.get((_place(layer), rule.id), [])


def _objections(layer: Layer, held: _Held) -> Iterator[Violation]:
    """Why this layer does not let the request pass; nothing when it does."""
    rules = layer.policy.rules
    if any(rule.effect == "forbid" and not held.failed(layer, rule) for rule in rules):
        yield _FORBIDDEN
        return
    permits = [rule for rule in rules if rule.effect == "permit"]
    if not permits and layer.kind is LayerKind.GUARDRAIL:
        return
    matching = len(_best(layer, held))
    if matching > 1:
        yield AMBIGUOUS
    elif matching == 0:
        yield from _nearest(layer, permits, held)


def _best(layer: Layer, held: _Held) -> list[Rule]:
    """The matching permits of the highest priority."""
    matching = [rule for rule in layer.policy.rules if rule.effect == "permit" and not held.failed(layer, rule)]
    top = max((rule.priority for rule in matching), default=0)
    return [rule for rule in matching if rule.priority == top]


def _nearest(layer: Layer, permits: Sequence[Rule], held: _Held) -> Iterator[Violation]:
    """What the rule that comes nearest lacks: the requester can change that."""
    if not permits:
        yield _NO_POLICY
        return
    nearest = min(permits, key=lambda rule: (len(held.failed(layer, rule)), -rule.priority, rule.id))
    for clause in sorted(held.failed(layer, nearest)):
        yield _SAID[clause]


def _missing(approvals: Approvals | None, request: AccessRequest) -> Sequence[str]:
    """The roles that must still agree: nobody counts twice, nobody approves their own request."""
    if approvals is None:
        return ()
    agreed = {
        each.approver
        for each in request.approvals
        if each.role in approvals.roles and each.approver != request.principal and each.expires_ms > request.now_ms
    }
    return () if len(agreed) >= approvals.quorum else approvals.roles


def _checks(layer: Layer, rule: Rule, request: AccessRequest, purposes: Purposes) -> Iterator[Check]:
    when = rule.when
    clauses: tuple[tuple[str, list[str] | None, str | None, Any], ...] = (
        ("purpose", when.purpose, request.purpose, purposes.covers),
        ("organisations", when.organisations, request.organisation, _same),
        ("roles", when.roles, request.role, _same),
        ("models", when.models, request.model_id, matches_glob),
        ("jurisdictions", when.jurisdictions, request.jurisdiction, _same),
    )
    for clause, wanted, got, holds in clauses:
        if wanted is not None:
            held = got is not None and any(holds(each, got) for each in wanted)
            yield Check(_place(layer), rule.id, clause, wanted, got, held)
    if when.max_duration is not None:
        most = parse_duration(when.max_duration, "max_duration", maximum_ms=_LONGEST_MS)
        held = request.duration_ms is None or request.duration_ms <= most
        yield Check(_place(layer), rule.id, "max_duration", when.max_duration, request.duration_ms, held)


def _place(layer: Layer) -> str:
    return f"{layer.kind}:{layer.policy_id}@{layer.version}"


def _same(wanted: str, got: str) -> bool:
    return wanted == got


def matches_glob(pattern: str, text: str) -> bool:
    """Whether the text has the pattern's form: `*` stands for any characters, all else for itself.

    Linear in the text for each star; case-sensitive.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return text.endswith(last)
