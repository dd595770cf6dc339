"""`decide(layers, request) → Verdict`: one pure function, the same for real requests and for simulations.

Order (docs/spec/policy.md, section 4): guardrails must all hold; any matching prohibition ends it, or takes
away the actions that it names; of the permits exactly one must have the highest priority; approvals; then
the meet of all constraints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, Final, overload

from xase_server.domain.quotas import DATASET, HOLDER
from xase_server.domain.times import parse_duration
from xase_server.policy.contract import Conflict, Contract, meet, narrowed, terms_of
from xase_server.policy.model import ACTIONS, Approvals, Constrain, Policy, Rule, When
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
    trace: Sequence[Check] = ()


class Trace(Sequence[Check]):
    """Every clause of every rule with what it wanted and got; worked out when it is looked at.

    A verdict needs far less than its trace tells: a rule is out with its first clause that does not hold.
    """

    def __init__(self, layers: Sequence[Layer], asked: "_Asked") -> None:
        self._layers = layers
        self._asked = asked

    @cached_property
    def _seen(self) -> list[Check]:
        asked = self._asked
        return [each for layer in self._layers for rule in layer.policy.rules for each in _checks(layer, rule, asked)]

    @overload
    def __getitem__(self, place: int) -> Check: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Check]: ...
    def __getitem__(self, place: int | slice) -> Check | Sequence[Check]:
        """One check, or a stretch of them."""
        return self._seen[place]

    def __len__(self) -> int:
        """How many clauses there are."""
        return len(self._seen)


# What a requester learns about a clause that did not hold.
_SAID: Final = {
    "purpose": Violation("purpose_not_allowed", "This purpose is not allowed"),
    "organisations": Violation("organisation_not_allowed", "Access is not open to this organisation"),
    "roles": Violation("role_not_allowed", "Access is not open to this role"),
    "models": Violation("model_not_allowed", "Access is not open to this model; name an allowed model_id"),
    "jurisdictions": Violation("jurisdiction_not_allowed", "Access is not open from this jurisdiction"),
    "max_duration": Violation(
        "duration_too_long", "This duration is longer than allowed; left out, it is as long as the policy allows"
    ),
}
_NO_POLICY: Final = Violation("no_policy", "This dataset is not open to anyone")
_FORBIDDEN: Final = Violation("forbidden", "This use is forbidden")
_NOTHING_LEFT: Final = Violation("action_not_allowed", "The policies together allow no kind of request")
AMBIGUOUS: Final = Violation("conflict", "The policy contradicts itself; its owner must resolve that")


def decide(
    layers: Sequence[Layer], request: AccessRequest, purposes: Purposes = DEFAULT_PURPOSES, *, own: bool = False
) -> Verdict:
    """The verdict of all layers on the request.

    Without a dataset's policy it is a denial, unless the holder asks for its `own` data: that is open to it
    within the guardrails.
    """
    asked = _Asked(request, purposes)
    policy = next((layer for layer in layers if layer.kind is LayerKind.DATASET), None)
    verdict = Verdict(
        Outcome.DENY,
        policy.policy_id if policy else None,
        policy.version if policy else None,
        trace=Trace(layers, asked),
    )
    if policy is None and not own:
        return replace(verdict, violations=(_NO_POLICY,))
    held = [_Held(layer, asked) for layer in layers]
    violations = [each for rules in held for each in rules.objections()]
    if violations:
        return replace(verdict, violations=tuple(dict.fromkeys(violations)))
    missing = sorted({role for rules in held for rule in rules.best for role in _missing(rule.when.approvals, request)})
    if missing:
        return replace(verdict, outcome=Outcome.APPROVAL_REQUIRED, approvers=tuple(missing))
    return _granted(verdict, held)


def _granted(verdict: Verdict, held: Sequence["_Held"]) -> Verdict:
    contract = Contract()
    narrowed_by: dict[str, str] = {}
    try:
        for rules in held:
            for terms in rules.terms():
                narrowed_by |= dict.fromkeys(narrowed(contract, terms), rules.place)
                contract = meet(contract, terms)
    except Conflict:
        return replace(verdict, violations=(AMBIGUOUS,))
    if contract.actions is not None and not contract.actions:
        return replace(verdict, violations=(_NOTHING_LEFT,))
    chosen = {rules.place: rule.id for rules in held for rule in rules.best}
    return replace(verdict, outcome=Outcome.PERMIT, contract=contract, chosen=chosen, narrowed_by=narrowed_by)


class _Asked:
    """A request in the form that clauses are held against."""

    __slots__ = ("covering", "got", "request")

    def __init__(self, request: AccessRequest, purposes: Purposes) -> None:
        self.request = request
        self.covering = purposes.covering(request.purpose)
        self.got = {
            "purpose": request.purpose,
            "organisations": request.organisation,
            "roles": request.role,
            "models": request.model_id,
            "jurisdictions": request.jurisdiction,
            "max_duration": request.duration_ms,
        }


def _failed(when: When, asked: _Asked) -> list[str]:
    """The clauses that do not hold; what the request lacks satisfies none."""
    request, failed = asked.request, []
    if when.purpose is not None and asked.covering.isdisjoint(when.purpose):
        failed.append("purpose")
    if when.organisations is not None and request.organisation not in when.organisations:
        failed.append("organisations")
    if when.roles is not None and request.role not in when.roles:
        failed.append("roles")
    if when.jurisdictions is not None and request.jurisdiction not in when.jurisdictions:
        failed.append("jurisdictions")
    if when.max_duration is not None and (request.duration_ms or 0) > _milliseconds(when.max_duration):
        failed.append("max_duration")
    if when.models is not None and not _any_model(when.models, request.model_id):
        failed.append("models")
    return failed


class _Held:
    """A layer's rules held against a request; `barred` are the actions that matching prohibitions take away."""

    __slots__ = ("_failed", "_layer", "barred", "best")

    def __init__(self, layer: Layer, asked: _Asked) -> None:
        self._layer = layer
        self._failed = [(rule, _failed(rule.when, asked)) for rule in layer.policy.rules]
        matching = [rule for rule, failed in self._failed if not failed]
        permits = [rule for rule in matching if rule.effect == "permit"]
        top = max((rule.priority for rule in permits), default=0)
        self.best = [rule for rule in permits if rule.priority == top]
        forbids = (rule for rule in matching if rule.effect == "forbid")
        self.barred = frozenset(action for rule in forbids for action in rule.when.actions or ACTIONS)

    @property
    def place(self) -> str:
        """What the layer is called in traces."""
        return _place(self._layer)

    def objections(self) -> Iterator[Violation]:
        """Why this layer does not let the request pass; nothing when it does."""
        if self.barred == ACTIONS:
            yield _FORBIDDEN
        elif len(self.best) > 1:
            yield AMBIGUOUS
        elif not self.best:
            yield from self._nearest()

    def terms(self) -> Iterator[Contract]:
        """What the layer imposes: the chosen permit's terms, and those of prohibitions of single actions."""
        for rule in self.best:
            yield terms_of(
                rule.constrain,
                actions=rule.when.actions,
                max_duration=rule.when.max_duration,
                scope=HOLDER if self._layer.kind is LayerKind.GUARDRAIL else DATASET,
            )
        if self.barred:
            yield terms_of(Constrain(), actions=ACTIONS - self.barred, max_duration=None)

    def _nearest(self) -> Iterator[Violation]:
        """What the rule that comes nearest lacks: the requester can change that."""
        permits = [
            (len(failed), -rule.priority, rule.id, failed) for rule, failed in self._failed if rule.effect == "permit"
        ]
        if permits:
            *_, lacking = min(permits)
            yield from (_SAID[clause] for clause in sorted(lacking))
        elif self._layer.kind is not LayerKind.GUARDRAIL:
            yield _NO_POLICY


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


def _checks(layer: Layer, rule: Rule, asked: _Asked) -> Iterator[Check]:
    failed = set(_failed(rule.when, asked))
    for clause, got in asked.got.items():
        wanted = getattr(rule.when, clause)
        if wanted is not None:
            yield Check(_place(layer), rule.id, clause, wanted, got, clause not in failed)
    if rule.effect == "forbid" and rule.when.actions is not None:
        # A request for access is for no single action: the rule never matches it whole, it takes these away.
        yield Check(_place(layer), rule.id, "actions", rule.when.actions, None, held=False)


def _place(layer: Layer) -> str:
    return f"{layer.kind}:{layer.policy_id}@{layer.version}"


@lru_cache(maxsize=1_024)
def _milliseconds(duration: str) -> int:
    return parse_duration(duration, "max_duration", maximum_ms=_LONGEST_MS)


def _any_model(patterns: Sequence[str], model_id: str | None) -> bool:
    return model_id is not None and any(matches_glob(each, model_id) for each in patterns)


def matches_glob(pattern: str, text: str) -> bool:
    """Whether the text has the pattern's form: `*` stands for any characters, all else for itself.

    Linear in the text for each star; case-sensitive.
    """
    first, *rest = _pieces(pattern)
    if not text.startswith(first):
        return False
    if not rest:
        return pattern == text
    *middle, last = rest
    if len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return text.endswith(last)


@lru_cache(maxsize=4_096)
def _pieces(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("*"))
