"""A comparison with such a value is always false, or always true: it says nothing of the token.

Source: policy/schema.py: what real tokens hold, where documents say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "value-outside-vocabulary"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a value that the claim never has"


def check(context: Context) -> Iterator[Finding]:
    return context.from_types(SLUG)
