"""A nonce is a string where the workload asked for one, and a list where it asked for several.

Source: Google Cloud documentation, "Attestation token claims", `eat_nonce`; google/cel-spec,
doc/langdef.md: `in` on a string is an error, and a list is never equal to a string.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel.paths import path_of
from ..cel.syntax import Call, Node, walk
from ..context import Context
from ..findings import Finding, Severity
from ..shapes import either_shape, shapes_asked
from ..wording import quoted

SLUG: Final = "one-shape-of-two"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "a claim that is a string or a list is asked as if it were always one of them"

# `aud` may be both as well, but a token that the launcher or its socket gives is for one audience.
_OF_TWO_SHAPES: Final = ("eat_nonce",)


def check(context: Context) -> Iterator[Finding]:
    for clause in context.dossier.clauses:
        for claim in _OF_TWO_SHAPES:
            asked = [each for each in shapes_asked(clause.node) if each.path.text == claim]
            shapes = {each.shape for each in asked}
            if len(shapes) != 1 or _asks_the_type(clause.node, claim):
                continue
            (shape,) = shapes
            other = "a list" if shape == "string" else "a string"
            how = next((each.wanted for each in asked if each.wanted is not None), "…")
            yield context.finding(
                f"{quoted(claim)} is a string or a list, and where it is {other} this does not see into it",
                hint=f"ask `{either_shape(f'assertion.{claim}', how)}`",
                span=asked[0].node.span,
            )


def _asks_the_type(node: Node, claim: str) -> bool:
    """Whether the clause looks which of them it is."""
    for each, _ in walk(node):
        if isinstance(each, Call) and each.function == "type" and each.arguments:
            path = path_of(each.arguments[0])
            if path is not None and path.text == claim:
                return True
    return False
