"""Every rule, held against a policy.

    findings = lint(policies, prover, today=date(2026, 1, 1))

Without a prover the rules that decide by proof say that they could not; nothing passes by default.
All questions share one budget: 10 s, and 2 s more for each provider after the first. What no longer
fits is not decided either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, partial
from importlib import import_module
from typing import Final, Protocol

from .context import Context, Dossier
from .findings import Finding, Severity
from .policy_set import PolicySet
from .proving.budget import Allowance
from .proving.inquiry import Key
from .proving.prover import Prover
from .rule_slugs import FOR_ANY_ISSUER, SLUGS
from .rules.by_admission import BY_ADMISSION
from .rules.by_type import BY_TYPE

BUDGET_S: Final = 10.0
FURTHER_BUDGET_S: Final = 2.0
"""For each provider after the first; one with a dozen clauses takes half of it."""


class Rule(Protocol):
    """One rule: an entry of a table of `policy.rules`, or one of its modules."""

    @property
    def slug(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def title(self) -> str: ...

    def asks(self, context: Context, /) -> Iterator[Key]:
        """What `check` will ask of the tokens that the provider admits."""

    def check(self, context: Context, /) -> Iterator[Finding]:
        """What the rule finds of one provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ModuleRule:
    """A rule whose lines are a module of its own."""

    slug: str
    severity: Severity
    title: str
    asks: Callable[[Context], Iterator[Key]]
    check: Callable[[Context], Iterator[Finding]]


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """All rules, in the catalogue's order."""
    return tuple(map(_rule, SLUGS))


def _rule(slug: str) -> Rule:
    tabled = BY_ADMISSION.get(slug) or BY_TYPE.get(slug)
    if tabled is not None:
        return tabled
    module = import_module(f"{__package__}.rules.{slug.replace('-', '_')}")
    return _ModuleRule(
        slug=module.SLUG,
        severity=module.SEVERITY,
        title=module.TITLE,
        asks=getattr(module, "asks", _asks_nothing),
        check=module.check,
    )


def _asks_nothing(_: Context) -> Iterator[Key]:
    yield from ()


def lint(
    policies: PolicySet, prover: Prover | None, *, today: date, clock: Callable[[], float] = time.monotonic
) -> list[Finding]:
    """What the rules find, worst first; a finding that is waived says by whom."""
    return lint_dossiers(dossiers_of(policies, prover, clock=clock), today=today)


def dossiers_of(
    policies: PolicySet, prover: Prover | None, *, clock: Callable[[], float] = time.monotonic
) -> list[Dossier]:
    """A dossier for each provider that is not disabled; they share the budget, which begins now."""
    if prover is not None:
        further = max(0, len(policies.active) - 1)
        prover = prover.sharing(Allowance(BUDGET_S + further * FURTHER_BUDGET_S, clock=clock))
    return [Dossier(policies, provider, prover) for provider in policies.active]


def lint_dossiers(dossiers: Iterable[Dossier], *, today: date) -> list[Finding]:
    """What the rules find of these, whose inquiry is shared."""
    found: list[Finding] = []
    for dossier in dossiers:
        if dossier.inquiry is not None:
            dossier.inquiry.ask_at_once(partial(ask_for_rules, dossier, today=today))
        found += _checked(dossier, today=today)
    return sorted(found, key=lambda each: (-each.severity, each.span or (-1, -1)))


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The severity that decides, of those findings that nobody waived."""
    return max((each.severity for each in findings if each.waiver is None), default=None)


def ask_for_rules(dossier: Dossier, *, today: date) -> None:
    """Every question of the rules about this provider's tokens is put to its inquiry."""
    if dossier.inquiry is None:
        return
    for rule in rules():
        for key in rule.asks(Context(dossier, rule.slug, rule.severity, today)):
            if isinstance(key, str):
                dossier.inquiry.ask(key)
            else:
                dossier.inquiry.ask_clause(key)


def _checked(dossier: Dossier, *, today: date) -> Iterator[Finding]:
    """What the rules find of one provider, in the catalogue's order; each is run once.

    Of another issuer's tokens only those rules speak that need to know nothing of them.
    """
    waivers = {each.rule: each for each in dossier.policies.waivers if each.expires >= today}
    for rule in rules():
        if dossier.has_vocabulary or rule.slug in FOR_ANY_ISSUER:
            for finding in rule.check(Context(dossier, rule.slug, rule.severity, today)):
                yield replace(finding, waiver=waivers.get(rule.slug))
