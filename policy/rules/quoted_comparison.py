"""A comparison in quotes is a string, and a string is never `true`.

Source: the conditions that people publish.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.paths import path_of
from ..cel.syntax import Node
from ..claim_types import BOOL
from ..context import Context
from ..findings import Finding, Severity
from ..schema import claim_at

SLUG: Final = "quoted-comparison"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a string where true or false was meant"


def quotations(context: Context) -> dict[tuple[int, int], str]:
    """Where a string stands for a boolean, and what to write instead."""
    found: dict[tuple[int, int], str] = {}
    for clause in context.dossier.clauses:
        for node in _strings_for_booleans(clause.node):
            found[node.span] = "take the comparison out of its quotes"
        for node, _ in syntax.walk(clause.node) if context.dossier.has_vocabulary else ():
            if isinstance(node, syntax.Binary) and node.operator in ("==", "!=") and _is_quoted_boolean(node):
                found[node.span] = "write `true` or `false`, without quotes"
    return found


def _strings_for_booleans(clause: Node) -> Iterator[Node]:
    places = [clause]
    for node, _ in syntax.walk(clause):
        match node:
            case syntax.Logical(operands=operands):
                places += operands
            case syntax.Unary(operator="!", operand=operand):
                places.append(operand)
            case syntax.Conditional(condition=condition):
                places.append(condition)
    return (each for each in places if isinstance(each, syntax.Literal) and isinstance(each.value, str))


def _is_quoted_boolean(node: syntax.Binary) -> bool:
    for claim_node, constant in ((node.left, node.right), (node.right, node.left)):
        path = path_of(claim_node)
        claim = None if path is None else claim_at(path.root, path.keys)
        if claim is not None and claim.type == BOOL and isinstance(constant, syntax.Literal):
            return constant.value in ("true", "false")
    return False


def check(context: Context) -> Iterator[Finding]:
    for span, hint in quotations(context).items():
        yield context.finding(TITLE, hint=hint, span=span)
