"""A pattern that cannot be read makes its clause an error, and an error refuses.

Source: google/re2, wiki "Syntax".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "invalid-pattern"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a regular expression that RE2 refuses"


def check(context: Context) -> Iterator[Finding]:
    return context.from_types(SLUG)
