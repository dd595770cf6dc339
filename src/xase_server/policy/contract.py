"""What a permitted session may do: the meet of all layers' constraints.

Layers only narrow. Limits take the minimum, group sizes the maximum, allow-lists intersect,
deny-lists unite, row filters are all imposed, the stronger transform wins.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import convert

from xase.proof.canonical import canonical
from xase.proof.digest import sha256_digest
from xase_server.domain.quotas import DATASET
from xase_server.domain.times import parse_duration
from xase_server.policy.limits import LONGEST_MS, PerOrganisation, least, limits_of, rates_of
from xase_server.policy.limits import both as both_limits
from xase_server.policy.model import STRENGTH, Constrain
from xase_server.policy.privacy import ACTIONS, Privacy, both, changes_entity, privacy_of


class Conflict(Exception):
    """Two layers ask for what cannot be kept together, such as other transforms of one strength: a denial."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The terms of a session. None restricts nothing.

    `rate_limit` is (requests, period in milliseconds); `duration_ms` the longest a session may last. `salt` is
    32 random bytes in hex, of one session's own: whoever knows its hash and most of its terms must not be
    able to find the rest, such as a row filter, by trying.
    """

    fields: frozenset[str] | None = None
    deny_fields: frozenset[str] = frozenset()
    filterable_fields: frozenset[str] | None = None
    row_filters: tuple[Mapping[str, Any], ...] = ()
    transforms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    aggregations: frozenset[str] | None = None
    actions: frozenset[str] | None = None
    entity_keys: frozenset[str] = frozenset()
    min_group_size: int = 1
    round_to: int = 1
    min_set_difference: int = 0
    rate_limits: tuple[tuple[int, int], ...] = ()
    max_records: int | None = None
    max_queries: int | None = None
    max_bytes: int | None = None
    max_concurrent: int | None = None
    duration_ms: int | None = None
    per_organisation: PerOrganisation | None = None
    privacy: Privacy | None = None
    salt: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The terms as JSON, the same for equal terms; with the salt, where they have one."""
        return self.terms() | ({} if self.salt is None else {"salt": self.salt})

    def terms(self) -> dict[str, Any]:
        """The terms alone."""
        return {
            "fields": _listed(self.fields),
            "deny_fields": _listed(self.deny_fields),
            "filterable_fields": _listed(self.filterable_fields),
            "row_filters": [dict(each) for each in self.row_filters],
            "transforms": {name: dict(each) for name, each in self.transforms.items()},
            "aggregations": _listed(self.aggregations),
            "actions": _listed(self.actions),
            "entity_keys": _listed(self.entity_keys),
            "min_group_size": self.min_group_size,
            "round_to": self.round_to,
            "min_set_difference": self.min_set_difference,
            "rate_limits": [list(each) for each in self.rate_limits],
            "max_records": self.max_records,
            "max_queries": self.max_queries,
            "max_bytes": self.max_bytes,
            "max_concurrent": self.max_concurrent,
            "duration_ms": self.duration_ms,
            **({} if self.per_organisation is None else {"per_organisation": self.per_organisation.to_dict()}),
            **({} if self.privacy is None else {"privacy": self.privacy.to_dict()}),
        }

    @property
    def hash(self) -> str:
        """What every entry of the session cites: the SHA-256 of the canonical terms, with their salt."""
        return sha256_digest(canonical(self.to_dict()))

    def allows_field(self, path: str) -> bool:
        """Whether a field, or any part of it, may be seen; what is denied or dropped may not."""
        hidden = self.deny_fields | {name for name, each in self.transforms.items() if each["op"] == "drop"}
        if any(_is_within(path, name) for name in hidden):
            return False
        return self.fields is None or any(_is_within(path, name) for name in self.fields)


def read_contract(terms: Mapping[str, Any]) -> Contract:
    """The contract that `Contract.to_dict` wrote down."""
    return convert(terms, Contract)


def terms_of(
    constrain: Constrain, *, actions: Iterable[str] | None, max_duration: str | None, scope: str = DATASET
) -> Contract:
    """One rule's constraints as terms; `scope` says whose use its bounds on organisations count."""
    privacy = privacy_of(constrain)
    return Contract(
        fields=_set(constrain.fields),
        deny_fields=_set(constrain.deny_fields) or frozenset(),
        filterable_fields=_set(constrain.filterable_fields),
        row_filters=(constrain.row_filter,) if constrain.row_filter is not None else (),
        transforms=constrain.transforms or {},
        aggregations=_set(constrain.aggregations),
        actions=ACTIONS if privacy is not None and actions is None else _set(actions),
        entity_keys=frozenset({constrain.entity_key} if constrain.entity_key else ()),
        min_group_size=constrain.min_group_size or 1,
        round_to=constrain.round_to or 1,
        min_set_difference=constrain.min_set_difference or 0,
        rate_limits=rates_of(constrain.rate_limit),
        max_records=constrain.max_records,
        max_queries=constrain.max_queries,
        max_bytes=constrain.max_bytes,
        max_concurrent=constrain.max_concurrent,
        duration_ms=_ms(max_duration) if max_duration is not None else None,
        per_organisation=limits_of(constrain.per_organisation, scope),
        privacy=privacy,
    )


def meet(one: Contract, other: Contract) -> Contract:
    """The terms that keep to both, with the salt of the first; raises Conflict when there are none."""
    met = replace(
        one,
        fields=_narrow(one.fields, other.fields),
        deny_fields=one.deny_fields | other.deny_fields,
        filterable_fields=_narrow(one.filterable_fields, other.filterable_fields),
        row_filters=_united(one.row_filters, other.row_filters),
        transforms=_stronger(one.transforms, other.transforms),
        aggregations=_both(one.aggregations, other.aggregations),
        actions=_both(one.actions, other.actions),
        entity_keys=one.entity_keys | other.entity_keys,
        min_group_size=max(one.min_group_size, other.min_group_size),
        round_to=max(one.round_to, other.round_to),
        min_set_difference=max(one.min_set_difference, other.min_set_difference),
        rate_limits=_united(one.rate_limits, other.rate_limits),
        max_records=least(one.max_records, other.max_records),
        max_queries=least(one.max_queries, other.max_queries),
        max_bytes=least(one.max_bytes, other.max_bytes),
        max_concurrent=least(one.max_concurrent, other.max_concurrent),
        duration_ms=least(one.duration_ms, other.duration_ms),
        per_organisation=both_limits(one.per_organisation, other.per_organisation),
        privacy=both(one.privacy, other.privacy),
    )
    _refuse_without_unit(met)
    return met


def narrowed(one: Contract, other: Contract) -> list[str]:
    """The names of the terms that `other` makes stricter than `one`."""
    before, after = one.terms(), meet(one, other).terms()
    return [name for name, value in after.items() if value != before.get(name)]


def _refuse_without_unit(contract: Contract) -> None:
    """Noise is for one kind of person, who can be told from all others, and group sizes would tell true counts."""
    if contract.privacy is None:
        return
    if len(contract.entity_keys) != 1 or any(
        changes_entity(each, contract.transforms) for each in contract.entity_keys
    ):
        raise Conflict("it is not clear whom the noise is to protect")
    if (contract.min_group_size, contract.round_to, contract.min_set_difference) != (1, 1, 0):
        raise Conflict("group sizes and noise do not go together")


def _ms(text: str) -> int:
    return parse_duration(text, "duration", maximum_ms=LONGEST_MS)


def _set(words: Iterable[str] | None) -> frozenset[str] | None:
    return None if words is None else frozenset(words)


def _listed(words: frozenset[str] | None) -> list[str] | None:
    return None if words is None else sorted(words)


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _narrow(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """The paths that both allow; a path allows everything below it, so the longer of two wins."""
    if one is None or other is None:
        return other if one is None else one
    return frozenset(
        path
        for path in one | other
        if any(_is_within(path, each) for each in one) and any(_is_within(path, each) for each in other)
    )


def _is_within(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}.")


def _united(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Both, once each, in an order that does not depend on who came first."""
    return tuple(each for _, each in sorted({canonical(each): each for each in (*one, *other)}.items()))


def _stronger(
    one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Mapping[str, Any]]:
    chosen = dict(one)
    for name, asked in other.items():
        held = chosen.get(name)
        if held is None or STRENGTH[asked["op"]] > STRENGTH[held["op"]]:
            chosen[name] = asked
        elif STRENGTH[asked["op"]] == STRENGTH[held["op"]] and asked != held:
            raise Conflict(f"two policies ask for different transforms of {name}")
    return chosen
