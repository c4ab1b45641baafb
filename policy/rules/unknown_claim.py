"""A misspelt claim is absent from every token: a comparison with it refuses, its `has` is false.

Source: policy/schema.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "unknown-claim"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a claim that no token has"


def check(context: Context) -> Iterator[Finding]:
    return context.from_types(SLUG)
