"""An operation on a wrong type is an error or always false; documents say which type a claim has.

Source: google/cel-spec, doc/langdef.md, "Gradual Type Checking".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from .quoted_comparison import quotations

SLUG: Final = "wrong-type"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a comparison or a call that is not right for the documented types"


def check(context: Context) -> Iterator[Finding]:
    in_quotes = quotations(context)
    for finding in context.from_types("wrong-type", "not-boolean"):
        if finding.place != "condition" or finding.span not in in_quotes:
            yield finding
