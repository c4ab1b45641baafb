"""A binding's own condition sees the resource and the request, and nothing of the token.

Source: IAM, "Attribute reference for IAM Conditions" (`resource.*`, `request.*`, `api.getAttribute`,
`destination.*`) and "Overview of IAM Conditions": a role is granted only where its condition is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .. import schema
from ..cel import syntax
from ..cel.parser import parse
from ..cel.syntax import InvalidExpression
from ..context import Context
from ..findings import Finding, Severity
from ..wording import listed, quoted

SLUG: Final = "iam-condition-reads-the-token"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a binding's IAM condition reads what only a provider's condition can"

_OF_THE_TOKEN: Final = frozenset((*schema.ROOTS, *schema.ASSERTION.fields))


def check(context: Context) -> Iterator[Finding]:
    conditions = dict.fromkeys(
        (binding.role, binding.condition)
        for binding in (context.policies.bindings or () if context.is_first else ())
    )
    for role, condition in conditions:
        read = _read_of_the_token(condition)
        if read:
            names = [quoted(condition[node.span.start : node.span.end]) for node in read]
            claims = listed(list(dict.fromkeys(names)), "and")
            yield context.finding(
                f"the condition on {quoted(role)} reads {claims}, which IAM's conditions do not know: it"
                " narrows the role to no workload, and IAM refuses it or grants the role to nobody",
                hint="ask it in the provider's condition, and grant the role to"
                " `principalSet://…/attribute.image_digest/sha256:…`",
                place="bindings",
                span=read[0].span,
                text=condition,
            )


def _read_of_the_token(condition: str) -> list[syntax.Node]:
    """What the condition reads of the federated identity, as it is written, each with all its fields."""
    if not condition.strip():
        return []
    try:
        tree = parse(condition)
    except InvalidExpression:
        return []  # IAM has other limits than a provider, and says so itself
    found: list[syntax.Node] = []
    waiting: list[tuple[syntax.Node, frozenset[str]]] = [(tree, frozenset())]
    while waiting:
        node, variables = waiting.pop()
        root = _root_of(node)
        if root is not None:
            if root.name in _OF_THE_TOKEN - variables:
                found.append(node)
            continue
        if isinstance(node, syntax.Comprehension):
            waiting.append((node.range, variables))
            variables = variables | {node.variable}
        below = (each for each in syntax.children(node) if each is not getattr(node, "range", None))
        waiting += [(each, variables) for each in below]
    return sorted(found, key=lambda node: node.span)


def _root_of(node: syntax.Node) -> syntax.Identifier | None:
    """The name that a chain of fields begins with."""
    while isinstance(node, syntax.Select | syntax.Has):
        node = node.operand
    return node if isinstance(node, syntax.Identifier) else None
