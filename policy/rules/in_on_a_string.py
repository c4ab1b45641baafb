"""CEL looks into lists and maps by `in`, and into strings by `contains`.

Source: google/cel-spec, doc/langdef.md, "List of Standard Definitions".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "in-on-a-string"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "`in` on what is documented as a string, which is an error"


def check(context: Context) -> Iterator[Finding]:
    return context.from_types(SLUG)
