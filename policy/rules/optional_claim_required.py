"""A claim that is absent makes a comparison an error, and an error refuses.

Source: google/cel-spec, doc/langdef.md, "Runtime Errors"; policy/schema.py, for which are optional.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.syntax import Node
from ..context import Context
from ..explaining import explain
from ..findings import Finding, Severity
from ..proving.smt.tokens import SAMPLE

SLUG: Final = "optional-claim-required"
SEVERITY: Final = Severity.INFO
TITLE: Final = "a clause refuses tokens that do not have a claim, where it only means to refuse a value"

# Ordinary production tokens have none of these; of overrides another rule speaks.
_RARE: Final = (
    "submods.nvidia_gpu",
    "tdx",
    "attester_tcb",
    "eat_nonce",
    "submods.container.image_signatures",
)


def check(context: Context) -> Iterator[Finding]:
    condition = context.dossier.condition
    trace = None if condition is None else explain(condition, assertion=SAMPLE)
    for clause, said in zip(context.dossier.clauses, trace.clauses if trace else (), strict=False):
        missing = [each for each in said.absent if each.startswith(_RARE)]
        if said.outcome == "error" and missing and _only_refuses(clause.node):
            yield context.finding(
                f"whoever has no `{missing[0]}` is refused too: a claim that is absent makes this an error",
                hint="write `!has(…) || …` if such tokens are meant to be admitted",
                span=clause.node.span,
            )


def _only_refuses(node: Node) -> bool:
    match node:
        case syntax.Binary(operator="!=") | syntax.Unary(operator="!"):
            return True
        case syntax.Comprehension(macro="all"):
            return True
        case syntax.Logical(operands=operands):
            return any(_only_refuses(each) for each in operands)
        case _:
            return False
