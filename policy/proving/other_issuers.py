"""What is decided of tokens whose vocabulary is not known here: only what the texts themselves say.

The schema and the issuer's facts are those of Confidential Space's issuer; of another issuer's token
they say nothing, so no solver is asked of it. Tokens of two issuers are never the same, so the
providers of each issuer are compared among themselves.

Source: policy/issuers.py.
"""

from __future__ import annotations

from dataclasses import replace

from ..cel.condition import compile_condition
from ..issuers import has_our_vocabulary, unknown_vocabulary
from ..policy_set import PolicySet
from ..provider import Provider
from .answers import Undecided


def of_our_issuer(policies: PolicySet) -> PolicySet:
    """The same without the providers of other issuers."""
    ours = tuple(each for each in policies.providers if has_our_vocabulary(each.issuer))
    return replace(policies, providers=ours)


def of_other_issuers(policies: PolicySet) -> tuple[Provider, ...]:
    """The providers, of those that are not disabled, about whose tokens nothing is known."""
    return tuple(each for each in policies.active if not has_our_vocabulary(each.issuer))


def find_admitted(policies: PolicySet) -> Undecided | None:
    """Not decided where another issuer's tokens may be admitted.

    Raises:
        InvalidExpression: a condition that Google would refuse.
    """
    for each in of_other_issuers(policies):
        compile_condition(each.condition)
        return Undecided(reason=unknown_vocabulary(each.issuer))
    return None


def find_counterexample(policies: PolicySet, that: str) -> Undecided | None:
    """Nothing stands against a proof where every clause of `that` is one of each other issuer's condition,
    letter by letter.

    Raises:
        InvalidExpression: a condition that Google would refuse.
    """
    wanted = _clauses(that)
    for each in of_other_issuers(policies):
        if not wanted <= _clauses(each.condition):
            return Undecided(reason=unknown_vocabulary(each.issuer))
    return None


def find_newly_admitted(before: PolicySet, after: PolicySet) -> Undecided | None:
    """Nothing stands against a proof where each provider of `after` asks all that one of `before` asks,
    and trusts no more.

    Raises:
        InvalidExpression: a condition that Google would refuse.
    """
    old = of_other_issuers(before)
    for each in of_other_issuers(after):
        if not any(_admits_no_more(each, other) for other in old):
            return Undecided(reason=unknown_vocabulary(each.issuer))
    return None


def _admits_no_more(provider: Provider, than: Provider) -> bool:
    if (provider.issuer, provider.jwks) != (than.issuer, than.jwks):
        return False
    if not set(provider.audiences) <= set(than.audiences):
        return False
    if provider.mapping.expressions != than.mapping.expressions:
        return False
    return _clauses(than.condition) <= _clauses(provider.condition)


def _clauses(condition: str) -> frozenset[str]:
    """The clauses of a condition as they are written: all of them are true of whatever is admitted."""
    return frozenset(clause.text for clause in compile_condition(condition).clauses)
