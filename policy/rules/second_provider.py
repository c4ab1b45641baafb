"""A pool has every identity that any of its providers admits: admissions add up.

Source: Google Cloud documentation, "Workload Identity Federation", pools and providers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attestation.issuer import ISSUER

from ..context import Context
from ..findings import Finding, Severity
from ..provider import Provider
from ..proving.answers import Found, Undecided
from ..wording import quoted

SLUG: Final = "second-provider"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "another provider of the pool admits what this policy does not"

_HINT: Final = "give each policy a pool of its own"


def check(context: Context) -> Iterator[Finding]:
    if context.is_first:
        for name in context.policies.others:
            yield context.finding(f"{quoted(name)} admits other credentials to the same pool", hint=_HINT)
    beside = [each for each in context.policies.active if _share_a_pool(each, context.provider)]
    verified = [each for each in beside if each.issuer == ISSUER]
    if beside and context.provider.issuer != ISSUER:
        yield context.finding(f"tokens of {quoted(context.provider.issuer)} are admitted too", hint=_HINT)
    elif verified:
        yield from _beyond(context, verified)


def _beyond(context: Context, others: list[Provider]) -> Iterator[Finding]:
    match context.admits_beyond(others):
        case Found() as found:
            message = "it admits what no other provider of its pool does"
            yield context.finding(message, hint=_HINT, shown_by=found)
        case Undecided(reason=reason):
            yield context.undecided(reason)


def _share_a_pool(one: Provider, other: Provider) -> bool:
    return one is not other and one.name.partition("/providers/")[0] == other.name.partition("/providers/")[0]
