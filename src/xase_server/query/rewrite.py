"""Filters rewritten to shorter ones that mean the same."""

from collections.abc import Callable
from typing import Final

from xase_server.query.nodes import FALSE, TRUE, And, Node, Not, Or

Rule = Callable[[Node], Node]


def flat(node: Node) -> Node:
    """`And` inside `And`, and `Or` inside `Or`, opened up."""
    if not isinstance(node, And | Or):
        return node
    kind = type(node)
    return kind(tuple(inner for item in node.items for inner in (item.items if isinstance(item, kind) else (item,))))


def constant(node: Node) -> Node:
    """What `TRUE` or `FALSE` among the items decides, or does not change."""
    if not isinstance(node, And | Or):
        return node
    neutral, decisive = (TRUE, FALSE) if isinstance(node, And) else (FALSE, TRUE)
    if decisive in node.items:
        return decisive
    return type(node)(tuple(item for item in node.items if item != neutral))


def single(node: Node) -> Node:
    """One item alone."""
    return node.items[0] if isinstance(node, And | Or) and len(node.items) == 1 else node


def positive(node: Node) -> Node:
    """`Not` of `Not`, of `TRUE` and of `FALSE`."""
    if not isinstance(node, Not):
        return node
    if isinstance(node.item, Not):
        return node.item.item
    if node.item == TRUE:
        return FALSE
    return TRUE if node.item == FALSE else node


RULES: Final[tuple[Rule, ...]] = (flat, constant, single, positive)


def simplified(node: Node) -> Node:
    """The node after every rule, from the inside out."""
    if isinstance(node, And | Or):
        node = type(node)(tuple(map(simplified, node.items)))
    elif isinstance(node, Not):
        node = Not(simplified(node.item))
    for rule in RULES:
        node = rule(node)
    return node
