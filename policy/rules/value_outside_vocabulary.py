"""A value that no document names is most often mistyped, or of a document that real tokens contradict.

Source: policy/schema.py: what real tokens hold, where documents say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "value-outside-vocabulary"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a value that is not documented for the claim"


def check(context: Context) -> Iterator[Finding]:
    return context.from_types(SLUG)
