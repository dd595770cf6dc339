"""What a contract lets a session see of a dataset: a smaller schema, against which its queries are read."""

from xase_server.policy.contract import Contract
from xase_server.query.schema import ListOf, Schema, Struct, Type

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


def _seen(contract: Contract, path: str, type_: Type) -> Type | None:
    if isinstance(type_, ListOf):
        element = _seen(contract, path, type_.element)
        return None if element is None else ListOf(element)
    if not isinstance(type_, Struct):
        return type_ if contract.allows_field(path) else None
    members = ((name, _seen(contract, f"{path}.{name}", member)) for name, member in type_.members)
    kept = tuple((name, member) for name, member in members if member is not None)
    if not type_.members:
        return type_ if contract.allows_field(path) else None
    return Struct(kept) if kept else None
