"""An override that nobody uses is not in the token, and the size of an absent claim is an error.

Source: real tokens; google/cel-spec, doc/langdef.md, "Runtime Errors".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.syntax import Node
from ..context import Context, path_text
from ..explaining import explain
from ..findings import Finding, Severity
from ..proving.smt.tokens import SAMPLE

SLUG: Final = "unguarded-override-size"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "an override is asked to be empty, which it is only by being absent"

_OVERRIDES: Final = ("submods.container.cmd_override", "submods.container.env_override")


def check(context: Context) -> Iterator[Finding]:
    condition = context.dossier.condition
    trace = None if condition is None else explain(condition, assertion=SAMPLE)
    for clause, said in zip(context.dossier.clauses, trace.clauses if trace else (), strict=False):
        unguarded = [claim for claim in _OVERRIDES if claim in said.absent]
        if said.outcome == "error" and unguarded and _asks_for_emptiness(clause.node, unguarded[0]):
            claim = f"assertion.{unguarded[0]}"
            yield context.finding(
                f"`{unguarded[0]}` is absent when nothing is overridden: then this is an error, and refuses",
                hint=f"write `!has({claim}) || size({claim}) == 0`",
                span=clause.node.span,
            )


def _asks_for_emptiness(clause: Node, claim: str) -> bool:
    return any(
        isinstance(node, syntax.Binary)
        and node.operator in ("==", "<", "<=")
        and any(_is_size(side, claim) or path_text(side) == claim for side in (node.left, node.right))
        for node, _ in syntax.walk(clause)
    )


def _is_size(node: Node, claim: str) -> bool:
    if not isinstance(node, syntax.Call) or node.function != "size":
        return False
    return claim in [path_text(part) for part in syntax.children(node)]
