"""Issuers that sign for everybody need a condition that tells whose token it is, and Google insists.

Source: policy/issuers.py, for which issuers, and where Google's refusal was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from ..issuers import named
from ..provider import NO_CLAIM_READ, lacks_a_claim

SLUG: Final = "no-claim-in-condition"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "a condition that reads no claim, with which Google makes no provider of this issuer"


def check(context: Context) -> Iterator[Finding]:
    provider = context.provider
    if context.dossier.invalid is None and lacks_a_claim(provider.issuer, provider.condition):
        yield context.finding(
            f"such a provider cannot be created, Google says `{NO_CLAIM_READ}`;"
            f" one that is older admits everybody whom {named(provider.issuer)} signs for, or nobody",
            hint="ask for what is yours: an organisation, a group, a repository",
        )
