"""Clauses of a known shape: a template with one hole, filled with a constant and read back."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from . import syntax
from .parser import parse
from .rendering import render_constant
from .syntax import Node

_HOLE: Final = "HOLE"
NO_CONSTANT: Final = object()
"""What `constant_of` and `Template.read` give when there is none."""


def constant_of(node: Node) -> Any:
    """The value of a literal, or of a list of constants; NO_CONSTANT for anything else."""
    if isinstance(node, syntax.Literal):
        return node.value
    if isinstance(node, syntax.ListLiteral):
        values = [constant_of(item) for item in node.items]
        return NO_CONSTANT if any(value is NO_CONSTANT for value in values) else values
    return NO_CONSTANT


class Template:
    """CEL text in which the name `HOLE`, if it is there, stands for a constant.

    >>> Template("assertion.a == HOLE").filled("x")
    'assertion.a == "x"'
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _tree(self) -> Node:
        return parse(self._text)

    def filled(self, constant: object) -> str:
        """The text, with `constant` for the hole; a template without one takes None."""
        return self._text if constant is None else self._text.replace(_HOLE, render_constant(constant))

    def read(self, node: Node) -> Any:
        """The constant with which this template says what `node` says.

        None for a template without a hole, NO_CONSTANT when `node` says something else.
        """
        found: Any = None
        waiting = [(self._tree, node)]
        while waiting:
            wanted, given = waiting.pop()
            if isinstance(wanted, syntax.Identifier) and wanted.name == _HOLE:
                found = constant_of(given)
                if found is NO_CONSTANT:
                    return NO_CONSTANT
                continue
            below, beside = syntax.children(wanted), syntax.children(given)
            if _label(wanted) != _label(given) or len(below) != len(beside):
                return NO_CONSTANT
            waiting += zip(below, beside, strict=True)
        return found


def _label(node: Node) -> tuple[object, ...]:
    """What `node` says beside what its children say."""
    match node:
        case syntax.Literal():
            said: tuple[object, ...] = (node.kind, node.value)
        case syntax.Identifier():
            said = (node.name,)
        case syntax.Select() | syntax.Has():
            said = (node.field,)
        case syntax.Unary() | syntax.Binary() | syntax.Logical():
            said = (node.operator,)
        case syntax.Call():
            said = (node.function, node.target is None)
        case syntax.Comprehension():
            said = (node.macro, node.variable, node.predicate is None)
        case _:
            said = ()
    return (type(node), *said)
