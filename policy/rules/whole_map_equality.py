"""The environment holds what the image's author, the launcher and the operator put into it.

Source: google/cel-spec, doc/langdef.md, "Equality".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..context import Context, path_text
from ..findings import Finding, Severity

SLUG: Final = "whole-map-equality"
SEVERITY: Final = Severity.WARNING
TITLE: Final = "a whole map is compared, so that any entry more refuses"


def check(context: Context) -> Iterator[Finding]:
    for clause in context.dossier.clauses:
        for node, _ in syntax.walk(clause.node):
            if isinstance(node, syntax.Binary) and node.operator in ("==", "!="):
                sides = (node.left, node.right)
                claims = [path_text(side) for side in sides if path_text(side)]
                maps = [side for side in sides if isinstance(side, syntax.MapLiteral) and side.entries]
                if claims and maps:
                    yield context.finding(
                        f"one more entry in `{claims[0]}`, or one less, and this is false",
                        hint="ask for the entries that matter, one by one",
                        span=node.span,
                    )
