"""From what a data holder wrote to a policy that can be activated, or everything that is wrong with it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from msgspec import ValidationError, convert
from msgspec.structs import replace

from xase_server.domain.errors import Problems, Refused
from xase_server.domain.explanation import explain
from xase_server.domain.times import parse_duration
from xase_server.policy.model import Approvals, Constrain, PlainPolicy, PlainRule, Policy, Rule, When
from xase_server.policy.privacy import misfits as privacy_misfits
from xase_server.policy.privacy import privacy_faults
from xase_server.query.accumulators import ACCUMULATORS
from xase_server.query.schema import Schema, resolve
from xase_server.transforms.specs import Fault, InvalidSpec, misfits, read_spec

Form = TypeVar("Form", Policy, PlainPolicy)

_LONGEST_MS = 100 * 366 * 86_400_000
_PLAIN_APPROVERS = ["data_holder", "admin"]
_PLAIN_KEYS = frozenset(PlainRule.__struct_fields__)


def load(document: dict[str, Any]) -> Policy:
    """The policy in its full form; raises `validation_error` naming the path of what is wrong.

    Both forms are accepted; the plain one is read as the full one.
    """
    policy = _in_full(_read(document, PlainPolicy)) if _is_plain(document) else _read(document, Policy)
    problems = Problems()
    for path, message in _faults(policy):
        problems.add(path, message)
    problems.refuse_if_any("Invalid policy")
    return policy


def check_against(
    policy: Policy, schema: Schema, parse_filter: Callable[[dict[str, Any]], object], *, guards: bool = False
) -> None:
    """Raise `validation_error` unless the policy means something for this dataset.

    Each field must exist, each transform fit its type, each row filter parse (`parse_filter` raises Refused
    when it does not). A policy that `guards` many datasets may name fields that this one lacks wherever
    their absence lets nothing out: a row filter and the field that counts as one person must be there.
    """
    problems = Problems()
    for number, rule in enumerate(policy.rules):
        constrain = _where_it_matters(rule.constrain, schema) if guards else rule.constrain
        for path, name in _named_fields(constrain):
            if not has_name(schema, name):
                problems.add(f"rules.{number}.constrain.{path}", f"The dataset has no field {name}")
        for path, message in _transform_faults(constrain, schema):
            problems.add(f"rules.{number}.{path}", message)
        for path, message in privacy_misfits(constrain, schema):
            problems.add(f"rules.{number}.constrain.{path}", message)
        if rule.constrain.row_filter is not None:
            try:
                parse_filter(rule.constrain.row_filter)
            except Refused as refused:
                for path, message in _within(refused):
                    problems.add(f"rules.{number}.constrain.row_filter{path}", message)
    problems.refuse_if_any("The policy does not fit the dataset")


def _within(refused: Refused) -> Iterator[tuple[str, str]]:
    """Where in a row filter a refused query is wrong, and how; the whole of it where the refusal names no place."""
    for fault in refused.details or [{"field": "", "message": refused.message}]:
        yield f".{fault['field']}".rstrip("."), fault["message"]


def has_name(schema: Schema, name: str) -> bool:
    """Whether a policy that names this field names one of the dataset's."""
    return name == "record_id" or resolve(schema, tuple(name.split(".")), in_filter=True) is not None


def _where_it_matters(constrain: Constrain, schema: Schema) -> Constrain:
    """The constraints without those about fields that the dataset lacks: what is not there cannot leave."""
    transforms = {name: spec for name, spec in (constrain.transforms or {}).items() if has_name(schema, name)}
    bounds = {name: each for name, each in (constrain.bounds or {}).items() if has_name(schema, name)}
    return replace(
        constrain,
        fields=None,
        deny_fields=None,
        filterable_fields=None,
        transforms=transforms or None,
        bounds=bounds or None,
    )


def _is_plain(document: dict[str, Any]) -> bool:
    rules = document.get("rules")
    first = rules[0] if isinstance(rules, list) and rules else None
    return "rejection_behavior" in document or (isinstance(first, dict) and not _PLAIN_KEYS.isdisjoint(first))


def _read(document: dict[str, Any], form: type[Form]) -> Form:
    try:
        return convert(document, form)
    except ValidationError as error:
        raise explain(document, form, error, "Invalid policy") from error


def _in_full(plain: PlainPolicy) -> Policy:
    rules = [_rule_in_full(number, rule) for number, rule in enumerate(plain.rules)]
    return Policy(id=plain.id, name=plain.name, description=plain.description, rules=rules)


def _rule_in_full(number: int, rule: PlainRule) -> Rule:
    """Earlier rules win over later ones, so that two that match are no conflict."""
    when = When(
        purpose=rule.allowed_purposes,
        models=rule.allowed_models,
        jurisdictions=rule.jurisdictions,
        max_duration=rule.max_duration,
        approvals=Approvals(roles=_PLAIN_APPROVERS) if rule.require_approval else None,
    )
    return Rule(id=f"rule-{number + 1}", effect="permit", priority=-number, when=when)


def _faults(policy: Policy) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for number, rule in enumerate(policy.rules):
        place = f"rules.{number}"
        if rule.id in seen:
            yield f"{place}.id", "Two rules have this id"
        seen.add(rule.id)
        if rule.effect == "forbid":
            yield from ((f"{place}.{path}", message) for path, message in _prohibition_faults(rule))
        yield from _duration_faults(rule, place)
        yield from ((f"{place}.{path}", message) for path, message in _transform_faults(rule.constrain))
        yield from ((f"{place}.constrain.{path}", message) for path, message in privacy_faults(rule.constrain))
        for n, name in enumerate(rule.constrain.aggregations or ()):
            if name not in ACCUMULATORS:  # it would allow nothing, and nobody would notice
                yield f"{place}.constrain.aggregations.{n}", f"Must be one of {', '.join(ACCUMULATORS)}"


def _prohibition_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    """What would mean nothing in a prohibition, and so could only be ignored."""
    if rule.constrain != Constrain():
        yield "constrain", "A prohibition constrains nothing; leave it out"
    if rule.when.approvals is not None:
        yield "when.approvals", f"The prohibition {rule.id} holds whoever agrees; ask for approvals in a permit"


def _transform_faults(constrain: Constrain, schema: Schema | None = None) -> Iterator[tuple[str, str]]:
    """What is wrong with the transforms in themselves or, given the dataset's columns, for these."""
    for field, raw in (constrain.transforms or {}).items():
        faults: Iterable[Fault]
        try:
            spec = read_spec(raw)
            faults = () if schema is None else misfits(spec, field, schema)
        except InvalidSpec as invalid:
            faults = invalid.faults
        if field == "record_id":
            faults = (("op", "Record ids stay as they are; register the data without an id field for made ids"),)
        for name, message in faults:
            yield f"constrain.transforms.{field}.{name}", message


def _duration_faults(rule: Rule, place: str) -> Iterator[tuple[str, str]]:
    durations = [(f"{place}.when.max_duration", rule.when.max_duration)]
    shared = rule.constrain.per_organisation
    for path, rate in (
        ("rate_limit", rule.constrain.rate_limit),
        ("per_organisation.rate_limit", None if shared is None else shared.rate_limit),
    ):
        if rate is not None:
            durations.append((f"{place}.constrain.{path}.period", rate.period))
    for path, text in durations:
        try:
            if text is not None and parse_duration(text, path, maximum_ms=_LONGEST_MS) == 0:
                yield path, "Must not be 0"
        except Refused as refused:
            yield path, refused.details[0]["message"]


def _named_fields(constrain: Constrain) -> Iterator[tuple[str, str]]:
    lists: Iterable[tuple[str, list[str] | None]] = (
        ("fields", constrain.fields),
        ("deny_fields", constrain.deny_fields),
        ("filterable_fields", constrain.filterable_fields),
    )
    for path, names in lists:
        for place, name in enumerate(names or ()):
            yield f"{path}.{place}", name
    if constrain.entity_key is not None:
        yield "entity_key", constrain.entity_key
