"""The condition cannot be created.

Source: IAM API, WorkloadIdentityPoolProvider.attributeCondition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel.parser import MAX_CONDITION_CHARACTERS
from ..context import Context, Dossier
from ..findings import Finding, Severity

SLUG: Final = "condition-too-long"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "a condition beyond Google's limit of 4,096 characters"


def is_too_long(dossier: Dossier) -> bool:
    return len(dossier.provider.condition) > MAX_CONDITION_CHARACTERS


def check(context: Context) -> Iterator[Finding]:
    if is_too_long(context.dossier):
        length = len(context.provider.condition)
        yield context.finding(
            f"{length:,} characters, Google's limit is {MAX_CONDITION_CHARACTERS:,}",
            hint="pin images by the key that signs them, or use a second provider",
        )
