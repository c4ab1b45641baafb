"""A claim that no document names is most often misspelt, and then no token has it.

Source: policy/schema.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "unknown-claim"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a claim that no document names"


def check(context: Context) -> Iterator[Finding]:
    return context.from_types(SLUG)
