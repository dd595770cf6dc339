"""What a contract lets a session see of a dataset: a smaller schema, against which its queries are read.

Single values are seen whole or not at all. Where a contract hides or changes a part of what is one value to
us, as the members of values of mixed types are, none of it is seen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from xase_server.policy.contract import Contract
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


def counting(seen: Schema, schema: Schema, entities: Iterable[str]) -> Schema:
    """What is seen and the fields that name the subjects, without what is hidden beside them.

    Were that there, a group by the object that holds both, or a comparison with it, would tell of it. A
    column that is not seen at all cannot be named, so that it may be there as a whole.
    """
    named, own = frozenset(entities), dict(seen.members)
    heads = {path.partition(".")[0] for path in named}
    members = (
        (name, _with_named(named, name, own[name], type_) if name in own else type_)
        for name, type_ in schema.members
        if name in own or name in heads
    )
    return Struct(tuple((name, type_) for name, type_ in members if type_ is not None))


def _with_named(named: frozenset[str], path: str, seen: Type | None, type_: Type) -> Type | None:
    """A field as it is seen, with what is named in it."""
    if path in named:
        return type_
    if isinstance(type_, ListOf):
        element = _with_named(named, path, seen.element if isinstance(seen, ListOf) else None, type_.element)
        return None if element is None else ListOf(element)
    if not isinstance(type_, Struct) or not any(name.startswith(f"{path}.") for name in named):
        return seen
    own = dict(seen.members) if isinstance(seen, Struct) else {}
    members = ((name, _with_named(named, f"{path}.{name}", own.get(name), inner)) for name, inner in type_.members)
    return Struct(tuple((name, member) for name, member in members if member is not None))


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
