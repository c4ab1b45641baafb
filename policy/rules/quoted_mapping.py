"""`'assertion.sub'` in quotes is the text "assertion.sub": every workload has the same identity.

Source: GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..context import Context
from ..findings import Finding, Severity
from ..wording import rendered

SLUG: Final = "quoted-mapping"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "a mapping that is a constant, the same for every token"


def check(context: Context) -> Iterator[Finding]:
    for text in context.dossier.texts:
        if text.place == "condition" or not isinstance(text.tree, syntax.Literal):
            continue
        value = text.tree.value
        is_claim = isinstance(value, str) and value.startswith("assertion")
        if is_claim or text.place == "mapping google.subject":
            yield context.finding(
                f"`{text.place.removeprefix('mapping ')}` is {rendered(value)} for every token",
                hint="take the claim out of its quotes",
                place=text.place,
                span=text.tree.span,
                text=text.text,
            )
