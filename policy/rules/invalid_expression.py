"""The condition cannot be created; a provider that has it admits nobody.

Source: google/cel-spec, doc/langdef.md, "Syntax".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from .condition_too_long import is_too_long
from .unsupported_function import is_of_a_function

SLUG: Final = "invalid-expression"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a text that is no CEL, which Google would refuse"


def check(context: Context) -> Iterator[Finding]:
    invalid = context.dossier.invalid
    if invalid is not None and not (is_too_long(context.dossier) or is_of_a_function(context.dossier)):
        yield context.finding(invalid.message, hint=invalid.hint, span=invalid.span)
