"""What can be answered to a question about all tokens, and what each answer rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """It holds of every admitted token. `assumptions` are those it needs, in words."""

    assumptions: tuple[str, ...] = ()
    bounded: bool = False
    example: Mapping[str, object] | None = None
    """Only for `satisfiable`: a token that is admitted."""


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
    """Neither proved nor refuted: `reason`, in one line."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A token that is admitted, as asked, and what it is mapped to where no mapping says it."""

    token: Mapping[str, object]
    google: Mapping[str, object] = field(default_factory=dict)
    attribute: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoneFound:
    """No token is admitted, as asked; what that needs is assumed."""

    assumptions: tuple[str, ...] = ()
    bounded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a claim can be in admitted tokens; of a list, what its elements can be, of a map, its keys.

    `finite` are all values; None when they are more than can be listed, and `examples` are two.
    `absent` when there is an admitted token without the claim. `bounded` as in `Proved`.
    """

    finite: tuple[object, ...] | None
    examples: tuple[object, ...]
    absent: bool
    bounded: bool


Answer: TypeAlias = Proved | Refuted | Undecided
Search: TypeAlias = Found | NoneFound | Undecided
