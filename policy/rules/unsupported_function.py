"""Beyond CEL's standard functions and macros Google documents `extract`, `split`, `join` and `lowerAscii`.

Of the rest of CEL's extension for strings it is not known whether Google takes it.
Source: Google Cloud documentation, "Workload Identity Federation", attribute mappings and conditions;
google/cel-go, ext/strings.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.functions import UNKNOWN_METHODS
from ..cel.parser import parse
from ..cel.syntax import InvalidExpression
from ..context import Context, Dossier
from ..findings import Finding, Severity

SLUG: Final = "unsupported-function"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a function that Google is not known to take"


def is_of_a_function(dossier: Dossier) -> bool:
    """Whether the text is CEL, and only a function in it is not known."""
    if dossier.invalid is None:
        return False
    try:
        tree = parse(dossier.provider.condition)
    except InvalidExpression:
        return False
    calls = (node for node, _ in syntax.walk(tree) if isinstance(node, syntax.Call))
    return any(call.span == dossier.invalid.span for call in calls)


def check(context: Context) -> Iterator[Finding]:
    invalid = context.dossier.invalid
    if invalid is not None and is_of_a_function(context.dossier):
        yield context.finding(invalid.message, hint=invalid.hint, span=invalid.span)
    for text in context.dossier.texts:
        for node, _ in syntax.walk(text.tree):
            if isinstance(node, syntax.Call) and node.function in UNKNOWN_METHODS:
                yield context.finding(
                    f"it is not known whether Google takes `{node.function}`: we found no document of it",
                    hint="compare without it, or create the provider and see",
                    place=text.place,
                    span=node.span,
                    text=text.text,
                )
