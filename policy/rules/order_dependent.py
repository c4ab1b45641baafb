"""What stands first today may stand second tomorrow.

Source: Google Cloud documentation, "Attestation token claims": lists without an order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.paths import Path, path_of
from ..cel.syntax import Node
from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "order-dependent"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "an element of a list is asked by its place, and the issuer promises no order"

_UNORDERED: Final = (
    "aud",
    "eat_nonce",
    "google_service_accounts",
    "submods.confidential_space.support_attributes",
    "submods.container.image_signatures",
    "submods.nvidia_gpu.gpus",
)


def check(context: Context) -> Iterator[Finding]:
    for clause in context.dossier.clauses:
        for node, _ in syntax.walk(clause.node):
            path = _ordered(node)
            if path is not None and path.text in _UNORDERED:
                yield context.finding(
                    f"`{path.text}` has no order to rely on",
                    hint="use `in` or `exists`, and `size` where nothing else may be there",
                    span=node.span,
                )


def _ordered(node: Node) -> Path | None:
    """The list of which this reads a place, or compares the whole with several elements."""
    match node:
        case syntax.Index(operand=operand, key=syntax.Literal(kind="int")):
            return path_of(operand)
        case syntax.Binary(operator="==" | "!=", left=left, right=right):
            for claim, other in ((left, right), (right, left)):
                if isinstance(other, syntax.ListLiteral) and len(other.items) > 1:
                    return path_of(claim)
    return None
