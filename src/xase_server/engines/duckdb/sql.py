"""The few SQL constructions that the compilers are written in. No text of a caller ever becomes SQL here."""

import functools
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Final

from sqlglot import exp

from xase_server.query.schema import Kind, ListOf, Scalar, Struct, Type

SQL = exp.Expr
TRUE: Final[SQL] = exp.true()
FALSE: Final[SQL] = exp.false()
NULL: Final[SQL] = exp.null()

_TYPES: Final = {
    Kind.NULL: "NULL",
    Kind.BOOL: "BOOLEAN",
    Kind.INT: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.STRING: "VARCHAR",
    Kind.DATE: "TIMESTAMP",
    Kind.JSON: "JSON",
}


def call(name: str, *operands: SQL) -> SQL:
    """A function of DuckDB."""
    return exp.Anonymous(this=name, expressions=list(operands))


def number(value: int) -> SQL:
    """A whole number of ours."""
    return exp.Literal.number(value) if value >= 0 else exp.Neg(this=exp.Literal.number(-value))


def text(value: str) -> SQL:
    """A constant text of ours, never a caller's."""
    return exp.Literal.string(value)


def paren(inner: SQL) -> SQL:
    """Parentheses where an operator's operand needs them."""
    simple = exp.Column | exp.Literal | exp.Func | exp.Paren | exp.Placeholder | exp.Boolean | exp.Null | exp.Identifier
    return inner if isinstance(inner, simple) and not isinstance(inner, exp.Connector) else exp.Paren(this=inner)


def binary(kind: type[exp.Binary], left: SQL, right: SQL) -> SQL:
    """Two operands and an operator."""
    return kind(this=paren(left), expression=paren(right))


def balanced(kind: type[exp.Binary], items: Sequence[SQL]) -> SQL:
    """Many operands, in their order, and an operator between each two that does not care where it begins."""
    if len(items) == 1:
        return items[0]
    half = len(items) // 2
    return binary(kind, balanced(kind, items[:half]), balanced(kind, items[half:]))


def all_of(items: Iterable[SQL]) -> SQL:
    """Conjunction, with constants folded."""
    kept = [item for item in items if item is not TRUE]
    if any(item is FALSE for item in kept):
        return FALSE
    return _joined(exp.And, kept) if kept else TRUE


def any_of(items: Iterable[SQL]) -> SQL:
    """Disjunction, with constants folded."""
    kept = [item for item in items if item is not FALSE]
    if any(item is TRUE for item in kept):
        return TRUE
    return _joined(exp.Or, kept) if kept else FALSE


def _joined(kind: type[exp.Binary], items: list[SQL]) -> SQL:
    whole = items[0]
    for item in items[1:]:
        whole = kind(this=whole if isinstance(whole, kind) else paren(whole), expression=paren(item))
    return whole


def negated(item: SQL) -> SQL:
    """The exact complement: what is not true, NULL included."""
    if item is TRUE or item is FALSE:
        return FALSE if item is TRUE else TRUE
    return exp.Not(this=closed(item))


def closed(item: SQL) -> SQL:
    """True or false, where NULL was false."""
    return item if isinstance(item, exp.Is | exp.Not | exp.Boolean) else coalesce(item, FALSE)


def coalesce(*items: SQL) -> SQL:
    """The first that is not NULL."""
    return exp.Coalesce(this=items[0], expressions=list(items[1:]))


def is_null(item: SQL) -> SQL:
    """Whether a value is NULL."""
    return exp.Is(this=paren(item), expression=NULL)


def is_not_null(item: SQL) -> SQL:
    """Whether a value is there."""
    return exp.Not(this=is_null(item))


def case(branches: Iterable[tuple[SQL, SQL]], otherwise: SQL = NULL) -> SQL:
    """The value of the first branch whose condition is true; the others are not evaluated."""
    ifs = [exp.If(this=condition, true=value) for condition, value in branches]
    return exp.Case(ifs=ifs, default=otherwise) if ifs else otherwise


def cast(item: SQL, type_: str) -> SQL:
    """A value as a type of DuckDB."""
    return exp.Cast(this=item, to=_parsed_type(type_))


@functools.lru_cache(maxsize=1024)
def _parsed_type(name: str) -> exp.DataType:
    return exp.DataType.build(name, dialect="duckdb")


def member(item: SQL, position: int) -> SQL:
    """A struct's member by its place, so that no name of a member enters SQL."""
    return call("struct_extract_at", item, number(position + 1))


def element(item: SQL, position: int) -> SQL:
    """A list's element, counted from 0; NULL beyond the end."""
    return call("list_extract", item, number(position + 1))


def length(item: SQL) -> SQL:
    """A list's length; NULL of NULL."""
    return call("len", item)


def column(name: str) -> SQL:
    """A column by its quoted name."""
    return exp.Column(this=exp.Identifier(this=name, quoted=True))


def type_name(type_: Type) -> str:
    """What DuckDB calls a type of ours."""
    if isinstance(type_, Scalar):
        return _TYPES[type_.kind]
    if isinstance(type_, ListOf):
        return f"{type_name(type_.element)}[]"
    return "STRUCT(" + ", ".join(f"f{n} {type_name(each)}" for n, (_, each) in enumerate(type_.members)) + ")"


class Names:
    """Fresh names for the parameters of lambdas."""

    def __init__(self, prefix: str = "x") -> None:
        self._prefix = prefix
        self._numbers = count()

    def fresh(self) -> SQL:
        """One more name."""
        return exp.Identifier(this=f"{self._prefix}{next(self._numbers)}", quoted=False)

    def lambda_(self, body: Callable[[SQL], SQL]) -> SQL:
        """A function of one element."""
        name = self.fresh()
        return exp.Lambda(this=body(name), expressions=[name])

    def transformed(self, items: SQL, body: Callable[[SQL], SQL]) -> SQL:
        """A list of what the body makes of each element."""
        return call("list_transform", items, self.lambda_(body))

    def filtered(self, items: SQL, body: Callable[[SQL], SQL]) -> SQL:
        """The elements for which the body is true."""
        return call("list_filter", items, self.lambda_(body))

    def any(self, items: SQL, body: Callable[[SQL], SQL]) -> SQL:
        """Whether the body is true for some element; NULL or false if not."""
        inside = self.lambda_(body)
        folded: SQL = inside.args["this"]
        if folded is FALSE:
            return folded
        return call("list_aggregate", call("list_transform", items, inside), text("bool_or"))


def struct_of(*items: SQL) -> SQL:
    """A struct without names."""
    return call("row", *items)


def is_struct(type_: Type) -> bool:
    """Whether values of a type have members."""
    return isinstance(type_, Struct)
