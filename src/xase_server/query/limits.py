"""How large a query may be. What passes a limit is `invalid_query` naming the limit (docs/spec/query.md, section 1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuerySettings:
    """The bounds of one query; every field is a maximum."""

    body_bytes: int = 256_000
    depth: int = 16  # objects and lists inside one another
    nodes: int = 200  # conditions, expressions, stages and parts of whole lists and structs together
    in_values: int = 10_000
    stages: int = 20
    regex_characters: int = 256
    groups: int = 100_000  # rows that a pipeline may hand over or answer with
    seconds: float = 10.0
    parts: int = 10_000_000  # elements and members that the reference evaluator may make


DEFAULTS = QuerySettings()
