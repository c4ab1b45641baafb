"""Every rule, held against a policy.

    findings = lint(policies, prover, today=date(2026, 1, 1))

Without a prover the rules that decide by proof say that they could not; nothing passes by default.
All questions share one budget: 10 s, and 2 s more for each provider after the first. What no longer
fits is not decided either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from importlib import import_module
from typing import Final, Protocol, cast

from .context import Case, Context
from .findings import Finding, Severity
from .policy_set import PolicySet
from .proving.budget import Allowance
from .proving.prover import Prover
from .rule_slugs import FOR_ANY_ISSUER, SLUGS

BUDGET_S: Final = 10.0
FURTHER_BUDGET_S: Final = 2.0
"""For each provider after the first; one with a dozen clauses takes half of it."""


class Rule(Protocol):
    """What a module of `policy.rules` is."""

    SLUG: str
    SEVERITY: Severity
    TITLE: str

    def check(self, context: Context) -> Iterator[Finding]: ...


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """All rules, in the catalogue's order."""
    modules = [import_module(f"{__package__}.rules.{slug.replace('-', '_')}") for slug in SLUGS]
    return tuple(cast(Rule, module) for module in modules)


def lint(
    policies: PolicySet, prover: Prover | None, *, today: date, clock: Callable[[], float] = time.monotonic
) -> list[Finding]:
    """What the rules find, worst first; a finding that is waived says by whom."""
    return lint_cases(cases_of(policies, prover, clock=clock), today=today)


def cases_of(
    policies: PolicySet, prover: Prover | None, *, clock: Callable[[], float] = time.monotonic
) -> list[Case]:
    """A case for each provider that is not disabled; they share the budget, which begins now."""
    if prover is not None:
        further = max(0, len(policies.active) - 1)
        prover = prover.sharing(Allowance(BUDGET_S + further * FURTHER_BUDGET_S, clock=clock))
    return [Case(policies, provider, prover) for provider in policies.active]


def lint_cases(cases: Iterable[Case], *, today: date) -> list[Finding]:
    """What the rules find of these, whose inquiry is shared."""
    found: list[Finding] = []
    for case in cases:
        if case.inquiry is not None:
            case.inquiry.ask_at_once(partial(check_case, case, today=today))
        found += check_case(case, today=today)
    return sorted(found, key=lambda each: (-each.severity, each.span or (-1, -1)))


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The severity that decides, of those findings that nobody waived."""
    return max((each.severity for each in findings if each.waiver is None), default=None)


def check_case(case: Case, *, today: date) -> list[Finding]:
    """What the rules find of one provider, in the catalogue's order.

    Of another issuer's tokens only those rules speak that need to know nothing of them.
    """
    found = []
    waivers = {each.rule: each for each in case.policies.waivers if each.expires >= today}
    for rule in rules():
        if not case.has_vocabulary and rule.SLUG not in FOR_ANY_ISSUER:
            continue
        context = Context(case, rule.SLUG, rule.SEVERITY, today)
        for finding in rule.check(context):
            found.append(replace(finding, waiver=waivers.get(rule.SLUG)))
    return found
