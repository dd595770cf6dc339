"""The reference evaluator of expressions: it defines what an expression means."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from xase_server.query.allowance import ENDLESS, Allowance
from xase_server.query.expressions import (
    Call,
    Each,
    Expression,
    Field,
    Fold,
    FormatDate,
    Items,
    Let,
    Literal,
    Members,
    Switch,
)
from xase_server.query.functions import FUNCTIONS
from xase_server.query.functions.dates import format_date
from xase_server.query.paths import collect
from xase_server.query.refusal import EvaluationError
from xase_server.query.values import Value, truth

Scope = Mapping[str, Any]
_ALLOWANCE: Final = ""
# Functions whose value may be larger than what they are given.
_MAKERS: Final = {"concat", "concatArrays", "mergeObjects", "objectToArray", "range", "setUnion", "split"}


def scope_of(row: Value, allowance: Allowance = ENDLESS) -> Scope:
    """What an expression finds by name where it begins: `ROOT`. Raises `EvaluationError`."""
    allowance.step()
    return {"ROOT": row, _ALLOWANCE: allowance}


def evaluate(expression: Expression, scope: Scope) -> Value:
    """The value of an expression; `scope` is that of `scope_of` and variables. Raises `EvaluationError`."""
    evaluator: Callable[[Any, Scope], Value] = _EVALUATORS[type(expression)]
    return evaluator(expression, scope)


def _literal(expression: Literal, _: Scope) -> Value:
    return expression.value


def _field(expression: Field, scope: Scope) -> Value:
    return collect(scope[expression.variable or "ROOT"], expression.path)


def _members(expression: Members, scope: Scope) -> Value:
    return scope[_ALLOWANCE].made({name: evaluate(item, scope) for name, item in expression.items})


def _items(expression: Items, scope: Scope) -> Value:
    return scope[_ALLOWANCE].made([evaluate(item, scope) for item in expression.items])


def _call(expression: Call, scope: Scope) -> Value:
    operands = expression.operands
    if expression.operator == "and":
        return all(truth(evaluate(operand, scope)) for operand in operands)
    if expression.operator == "or":
        return any(truth(evaluate(operand, scope)) for operand in operands)
    if expression.operator == "ifNull":
        values = (evaluate(operand, scope) for operand in operands)
        return next((value for value in values if value is not None), None)
    value = FUNCTIONS[expression.operator].apply(*(evaluate(operand, scope) for operand in operands))
    return scope[_ALLOWANCE].made(value) if expression.operator in _MAKERS else value


def _switch(expression: Switch, scope: Scope) -> Value:
    for condition, value in expression.branches:
        if truth(evaluate(condition, scope)):
            return evaluate(value, scope)
    if expression.default is None:
        raise EvaluationError("$switch found no branch and has no default")
    return evaluate(expression.default, scope)


def _each(expression: Each, scope: Scope) -> Value:
    source = _list(expression.source, scope, expression.operator)
    if source is None:
        return None
    allowance: Allowance = scope[_ALLOWANCE]
    inside = ((each, _body(expression.body, {**scope, expression.variable: each})) for each in source)
    if expression.operator == "map":
        return allowance.made([value for _, value in inside])
    return [each for each, value in inside if truth(value)]


def _body(body: Expression, scope: Scope) -> Value:
    scope[_ALLOWANCE].step()
    return evaluate(body, scope)


def _fold(expression: Fold, scope: Scope) -> Value:
    source = _list(expression.source, scope, "reduce")
    if source is None:
        return None
    value = evaluate(expression.initial, scope)
    for each in source:
        value = _body(expression.body, {**scope, "value": value, "this": each})
    return value


def _let(expression: Let, scope: Scope) -> Value:
    values = {name: evaluate(value, scope) for name, value in expression.variables}
    return evaluate(expression.body, {**scope, **values})


def _list(source: Expression, scope: Scope, operator: str) -> list[Value] | None:
    value = evaluate(source, scope)
    if value is not None and not isinstance(value, list):
        raise EvaluationError(f"${operator} needs a list")
    return value


def _format_date(expression: FormatDate, scope: Scope) -> Value:
    moment = evaluate(expression.date, scope)
    if moment is None:
        return evaluate(expression.otherwise, scope)
    return format_date(moment, expression.pattern)


_EVALUATORS: Final[Mapping[type, Callable[[Any, Scope], Value]]] = {
    Literal: _literal,
    Field: _field,
    Members: _members,
    Items: _items,
    Call: _call,
    Switch: _switch,
    Each: _each,
    Fold: _fold,
    Let: _let,
    FormatDate: _format_date,
}
