"""What a contract lets a session see of a dataset: a smaller schema, against which its queries are read.

Single values are seen whole or not at all. Where a contract hides or changes a part of what is one value to
us, as the members of values of mixed types are, none of it is seen.
"""

from collections.abc import Iterator
from dataclasses import replace

from xase_server.policy.contract import Contract
from xase_server.policy.load import has_name
from xase_server.query.schema import ListOf, Schema, Struct, Type, is_index

RECORD_ID = "record_id"


def visible(contract: Contract, schema: Schema) -> Schema:
    """The fields that may leave. RECORD_ID is always among them; a struct without a visible member is not."""
    members = ((name, type_ if name == RECORD_ID else _seen(contract, name, type_)) for name, type_ in schema.members)
    return Struct(tuple((name, type_) for name, type_ in members if type_ is not None))


def filterable(contract: Contract, schema: Schema) -> Schema:
    """The part of a visible schema that filters may ask about."""
    if contract.filterable_fields is None:
        return schema
    only = Contract(fields=contract.filterable_fields)
    return visible(only, schema)


def pertaining(contract: Contract, schema: Schema) -> Contract:
    """The contract without the names of fields that the dataset lacks, which a guardrail may be full of.

    It shows and hides the same, and does not tell those who read it what other datasets hold.
    """

    def known(names: frozenset[str]) -> frozenset[str]:
        return frozenset(name for name in names if has_name(schema, name))

    privacy = contract.privacy
    if privacy is not None:
        privacy = replace(
            privacy, bounds={name: each for name, each in privacy.bounds.items() if has_name(schema, name)}
        )
    return replace(
        contract,
        fields=None if contract.fields is None else known(contract.fields),
        deny_fields=known(contract.deny_fields),
        filterable_fields=None if contract.filterable_fields is None else known(contract.filterable_fields),
        transforms={name: spec for name, spec in contract.transforms.items() if has_name(schema, name)},
        privacy=privacy,
    )


def paths(type_: Type, prefix: str = "") -> Iterator[str]:
    """The paths of all fields, objects and lists among them."""
    while isinstance(type_, ListOf):
        type_ = type_.element
    for name, member in type_.members if isinstance(type_, Struct) else ():
        yield f"{prefix}{name}"
        yield from paths(member, f"{prefix}{name}.")


def _seen(contract: Contract, path: str, type_: Type) -> Type | None:
    if isinstance(type_, ListOf):
        element = _seen(_in_list(contract, path), path, type_.element)
        return None if element is None else ListOf(element)
    if not isinstance(type_, Struct) or not type_.members:
        return type_ if contract.allows_field(path) and not _is_changed_within(contract, path) else None
    members = ((name, _seen(contract, f"{path}.{name}", member)) for name, member in type_.members)
    kept = tuple((name, member) for name, member in members if member is not None)
    return Struct(kept) if kept else None


def _in_list(contract: Contract, path: str) -> Contract:
    """The contract for a list's elements: what hides something at one position hides it at all."""
    hidden = contract.deny_fields | {name for name, spec in contract.transforms.items() if spec["op"] == "drop"}
    found = {_without_position(name, path) for name in hidden if name.startswith(f"{path}.")}
    return replace(contract, deny_fields=contract.deny_fields | found)


def _without_position(name: str, path: str) -> str:
    position, _, rest = name.removeprefix(f"{path}.").partition(".")
    if not is_index(position):
        return name
    return f"{path}.{rest}" if rest else path


def _is_changed_within(contract: Contract, path: str) -> bool:
    return any(name.startswith(f"{path}.") for name in (*contract.deny_fields, *contract.transforms))
