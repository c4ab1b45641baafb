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
from ..wording import quoted
from .answers import Undecided


def of_our_issuer(policies: PolicySet) -> PolicySet:
    """The same without the providers of other issuers."""
    ours = tuple(each for each in policies.providers if _is_ours(each))
    return replace(policies, providers=ours)


def of_other_issuers(policies: PolicySet) -> tuple[Provider, ...]:
    """The providers, of those that are not disabled, about whose tokens nothing is known."""
    return tuple(each for each in policies.active if not _is_ours(each))


def _is_ours(provider: Provider) -> bool:
    """Whether the issuer itself signs what the provider takes: keys given by hand sign any claims."""
    return has_our_vocabulary(provider.issuer) and provider.jwks is None


def _why(provider: Provider) -> str:
    if provider.jwks is not None and has_our_vocabulary(provider.issuer):
        return "its keys are given by hand (`jwksJson`), and whoever holds them signs any claims"
    return unknown_vocabulary(provider.issuer)


def differ_around(before: PolicySet, after: PolicySet) -> Undecided | None:
    """Nothing stands against a comparison where both map alike, and the new one takes no more audiences.

    Google's limits on what is mapped are not compared, and who may ask for a token of which audience is
    no claim of it. Of a bare condition's provider nothing is known, so that nothing is compared.
    """
    if "condition" in (before.kind, after.kind):
        return None
    old, new = ([each for each in policies.active if _is_ours(each)] for policies in (before, after))
    mappings = [each.mapping.expressions for each in old]
    if old and any(each.mapping.expressions not in mappings for each in new):
        reason = "the attribute mappings differ, and Google's limits on what is mapped are not compared"
        return Undecided(reason=reason)
    if len(old) == len(new) == 1 and not old[0].allowed_audiences and not new[0].allowed_audiences:
        return None
    known = {audience for each in old for audience in each.audiences}
    more = sorted({audience for each in new for audience in each.audiences} - known)
    if old and more:
        return Undecided(reason=f"one of the two policies alone takes tokens for {quoted(more[0])}")
    return None


def comparable(before: PolicySet, after: PolicySet) -> tuple[tuple[PolicySet, PolicySet], ...]:
    """Parts of the two to be compared instead, each of one mapping and of audiences that the old one takes.

    A token that one old provider admits is newly admitted where another provider, which maps otherwise or
    takes another audience, admits it now. None where that cannot be: all map alike, for the same audiences.
    """
    if "condition" in (before.kind, after.kind):
        return ()
    old, new = ([each for each in policies.active if _is_ours(each)] for policies in (before, after))
    alone = len(old) == len(new) == 1
    if all(_takes_no_more(one, other, alone=alone) for one in new for other in old):
        return ()
    return tuple(
        (
            replace(before, providers=tuple(each for each in old if _takes_no_more(one, each, alone=alone))),
            replace(after, providers=(one,)),
        )
        for one in new
    )


def _takes_no_more(provider: Provider, than: Provider, *, alone: bool) -> bool:
    """Whether it maps alike and takes no more audiences; two that are `alone` may have their own names."""
    if provider.mapping.expressions != than.mapping.expressions:
        return False
    if alone and not provider.allowed_audiences and not than.allowed_audiences:
        return True
    return set(provider.audiences) <= set(than.audiences)


def find_admitted(policies: PolicySet) -> Undecided | None:
    """Not decided where another issuer's tokens may be admitted.

    Raises:
        InvalidExpression: a condition that Google would refuse.
    """
    for each in of_other_issuers(policies):
        compile_condition(each.condition)
        return Undecided(reason=_why(each))
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
            return Undecided(reason=_why(each))
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
            return Undecided(reason=_why(each))
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
