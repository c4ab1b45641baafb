"""A digest is `sha256:` and 64 lower-case hex digits; nothing else is ever equal to one.

Source: opencontainers/image-spec, descriptor.md, "Digests".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "malformed-digest"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a digest that is none"


def check(context: Context) -> Iterator[Finding]:
    return context.from_types(SLUG)
