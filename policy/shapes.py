"""Claims that are a string in one token and a list of strings in another, and how to ask for both.

Source: policy/schema.py, for which claims these are; google/cel-spec, doc/langdef.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from . import schema
from .cel import syntax
from .cel.paths import Path, path_of
from .cel.rendering import render_constant
from .cel.syntax import Node
from .claim_types import STRING, ListOf, OneOf

Shape: TypeAlias = Literal["string", "list"]
_METHODS: Final = ("startsWith", "endsWith", "contains", "matches")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeAsked:
    """`node` makes sense only where the claim at `path` is of this shape; `wanted` is what it asks it for."""

    path: Path
    shape: Shape
    node: Node
    wanted: str | None


def has_two_shapes(path: Path) -> bool:
    """Whether the claim is a string in one token and a list of strings in another."""
    claim = schema.claim_at(path.root, path.keys) if path.root == "assertion" else None
    if claim is None or not isinstance(claim.type, OneOf):
        return False
    return STRING in claim.type.types and ListOf(STRING) in claim.type.types


def shapes_asked(node: Node) -> Iterator[ShapeAsked]:
    """Where a claim of two shapes is asked as if it had one."""
    for each, _ in syntax.walk(node):
        found = _asked(each)
        if found is not None and has_two_shapes(found.path):
            yield found


def either_shape(claim: str, wanted: str) -> str:
    """CEL that is true where the claim is `wanted`, or a list that holds it; no error where it is there.

    >>> either_shape("assertion.eat_nonce", "n")
    '(type(assertion.eat_nonce) == string ? assertion.eat_nonce == "n" : "n" in assertion.eat_nonce)'
    """
    constant = render_constant(wanted)
    return f"(type({claim}) == string ? {claim} == {constant} : {constant} in {claim})"


def _asked(node: Node) -> ShapeAsked | None:
    match node:
        case syntax.Binary(operator="in", left=left, right=right):
            if isinstance(right, syntax.ListLiteral):
                return _of(left, "string", node, right.items[0] if right.items else None)
            return _of(right, "list", node, left)
        case syntax.Binary(operator="==" | "!=", left=left, right=right):
            for claim, other in ((left, right), (right, left)):
                if isinstance(other, syntax.Literal) and isinstance(other.value, str):
                    return _of(claim, "string", node, other)
                if isinstance(other, syntax.ListLiteral):
                    return _of(claim, "list", node, other.items[0] if other.items else None)
        case syntax.Call(target=target, arguments=(argument,)) if target is not None:
            if node.function in _METHODS:
                return _of(target, "string", node, argument)
        case syntax.Comprehension(range=range_):
            return _of(range_, "list", node, None)
    return None


def _of(claim: Node, shape: Shape, node: Node, wanted: Node | None) -> ShapeAsked | None:
    path = path_of(claim)
    if path is None:
        return None
    value = wanted.value if isinstance(wanted, syntax.Literal) and isinstance(wanted.value, str) else None
    return ShapeAsked(path=path, shape=shape, node=node, wanted=value)
