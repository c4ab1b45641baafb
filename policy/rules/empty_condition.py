"""Google's verifier signs tokens for every customer's machines.

Source: IAM API, WorkloadIdentityPoolProvider.attributeCondition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity

SLUG: Final = "empty-condition"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "a provider without a condition admits every token of its issuer"


def check(context: Context) -> Iterator[Finding]:
    if not context.provider.condition.strip():
        yield context.finding(TITLE, hint="say what is admitted, where, of whom, and how it is launched")
