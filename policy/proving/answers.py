"""What can be answered to a question about all tokens, and what each answer rests on.

A positive answer is made by `conclude` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..issuers import has_our_vocabulary
from ..policy_set import PolicySet
from ..wording import listed

OF_TYPES: Final = "claims that Google documents have the types that it documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """It holds of every admitted token: none that would break it is admitted.

    `assumptions` are those it needs, in words; `bounded` when one of them is a bound on a list's or a
    map's length.
    """

    assumptions: tuple[str, ...] = ()
    bounded: bool = False
    example: Mapping[str, object] | None = None
    """Only for `satisfiable`: a token that is admitted."""
    attacked: str = field(default="", compare=False)
    """By what it was attacked in vain, in one line; "" when by nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuted:
    """`token` is admitted, and it does not hold of it; None when it fails because nobody is admitted.

    `google` and `attribute` are what it is mapped to, where the policy is a bare condition.
    """

    token: Mapping[str, object] | None
    google: Mapping[str, object] = field(default_factory=dict)
    attribute: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """Neither proved nor refuted: `reason`, in one line.

    `assumptions` are those under which it would be proved, if whoever asks accepted them; `bounded` as
    in `Proved`.
    """

    reason: str
    assumptions: tuple[str, ...] = ()
    bounded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A token that is admitted, as asked, and what it is mapped to where no mapping says it."""

    token: Mapping[str, object]
    google: Mapping[str, object] = field(default_factory=dict)
    attribute: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a claim can be in admitted tokens; of a list, what its elements can be, of a map, its keys.

    `finite` are all values; None when they are more than can be listed, and `examples` are two.
    `absent` when there is an admitted token without the claim. `assumptions` and `bounded` as in `Proved`.
    """

    finite: tuple[object, ...] | None
    examples: tuple[object, ...]
    absent: bool
    bounded: bool
    assumptions: tuple[str, ...] = ()
    attacked: str = field(default="", compare=False)
    """As in `Proved`, where the values are `finite`: that there is no other was attacked in vain."""


Answer: TypeAlias = Proved | Refuted | Undecided
Search: TypeAlias = Found | Proved | Undecided

NoneFound: TypeAlias = Proved
"""No token is admitted, as asked: that no token breaks something is its proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsatisfiable:
    """The solver decided that there is no token as asked; it needed these assumptions, all listed."""

    assumptions: tuple[str, ...] = ()
    bounded: bool = False


def with_types(assumptions: tuple[str, ...], policies: PolicySet) -> tuple[str, ...]:
    """The assumptions of a proof, with the one that every proof about Confidential Space's tokens needs."""
    speaks_of_them = any(has_our_vocabulary(each.issuer) and each.jwks is None for each in policies.active)
    return (*assumptions, OF_TYPES) if speaks_of_them else assumptions


def conclude(
    decided: Unsatisfiable | Found,
    *,
    accept_bounds: bool,
    attack: Callable[[], Found | None],
    attacked: Callable[[], str] = str,
) -> Proved | Found | Undecided:
    """A positive answer, if nothing stands against it; every `Proved` is made here.

    Of the solver's "there is none" it demands that `attack`, an independent search for such a token,
    finds nothing, and that a bound among the assumptions is accepted; `attacked` says what that search
    was. A token that the evaluator admits, `Found`, proves that somebody is.
    """
    if isinstance(decided, Found):
        return Proved(example=decided.token)
    found = attack()
    if found is not None:
        return found
    if decided.bounded and not accept_bounds:
        return within_bounds(decided.assumptions)
    return Proved(assumptions=decided.assumptions, bounded=decided.bounded, attacked=attacked())


def within_bounds(assumptions: tuple[str, ...]) -> Undecided:
    """What an answer that rests on a bound is to whoever does not accept bounds."""
    within = listed([each for each in assumptions if " has at most " in each], "and")
    return Undecided(
        reason=f"it is proved only where {within}, which `--accept-bounds` takes for an answer",
        assumptions=assumptions,
        bounded=True,
    )
