"""What the issuer guarantees of every token it signs, beyond what the schema says of single claims.

Each is a condition that is `true` of every such token: the prover assumes it under its label and
names it where a proof needs it, and the evaluator checks every counterexample against it.

Source: Google Cloud documentation, "Attestation token claims" and "Confidential Space images";
GoogleCloudPlatform/confidential-space; real tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ...cel import syntax
from ...cel.condition import Condition, compile_condition
from ...cel.parser import parse
from ...cel.paths import path_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """`label` says it to people; `condition` says it in CEL."""

    label: str
    condition: str

    @property
    def tree(self) -> syntax.Node:
        return _parsed(self.condition)

    @property
    def claims(self) -> frozenset[str]:
        """The claims that it is about, as `claims_of` names them."""
        return claims_of(self.tree)

    @property
    def compiled(self) -> Condition:
        return compile_condition(self.condition)


@lru_cache(maxsize=64)
def _parsed(text: str) -> syntax.Node:
    return parse(text)


@lru_cache(maxsize=512)
def claims_of(node: syntax.Node) -> frozenset[str]:
    """The claims that an expression reads, by path; those that hold others stand for them.

    >>> sorted(claims_of(parse("assertion.swname == 'GCE' && has(assertion.submods.gce)")))
    ['assertion.submods.gce', 'assertion.swname']
    """
    found: set[str] = set()
    waiting = [node]
    while waiting:
        each = waiting.pop()
        path = path_of(each)
        if path is None:
            waiting += syntax.children(each)
        else:
            found.add(".".join([path.root, *(str(key) for key in path.keys)]))
    return frozenset(found)


_SPACE: Final = "assertion.submods.confidential_space"
_ATTRIBUTES: Final = f"{_SPACE}.support_attributes"
_NONE: Final = f"!has({_SPACE}) || !has({_ATTRIBUTES})"

FACTS: Final = (
    Fact(
        label="a debug image has no support attribute",
        condition=f'assertion.dbgstat == "disabled-since-boot" || {_NONE}',
    ),
    Fact(
        label="an image that is LATEST is STABLE",
        condition=f'{_NONE} || !("LATEST" in {_ATTRIBUTES}) || "STABLE" in {_ATTRIBUTES}',
    ),
    Fact(
        label="an image that is STABLE is USABLE",
        condition=f'{_NONE} || !("STABLE" in {_ATTRIBUTES}) || "USABLE" in {_ATTRIBUTES}',
    ),
    Fact(
        label="an EXPERIMENTAL image is nothing else",
        condition=f'{_NONE} || !("EXPERIMENTAL" in {_ATTRIBUTES}) || !("USABLE" in {_ATTRIBUTES})',
    ),
    Fact(
        label="where the operating system is not Confidential Space, there is no container",
        condition='assertion.swname == "CONFIDENTIAL_SPACE" || !has(assertion.submods.container)',
    ),
    Fact(
        label="where the operating system is not Confidential Space, nothing is said of one",
        condition=f'assertion.swname == "CONFIDENTIAL_SPACE" || !has({_SPACE})',
    ),
    Fact(
        label="Confidential Space always says which container it runs",
        condition='assertion.swname != "CONFIDENTIAL_SPACE" || has(assertion.submods.container)',
    ),
    Fact(
        label="only Intel TDX machines speak of TDX",
        condition='assertion.hwmodel == "GCP_INTEL_TDX" || !has(assertion.tdx)',
    ),
    Fact(
        label="`oemid` is Google's number, 11129",
        condition="assertion.oemid == 11129",
    ),
)


def connected(claims: frozenset[str]) -> list[Fact]:
    """The facts that say something of `claims`, or of claims that such facts tie to them."""
    chosen: list[Fact] = []
    left = list(FACTS)
    while near := [fact for fact in left if _touches(fact.claims, claims)]:
        chosen += near
        left = [fact for fact in left if fact not in near]
        claims = claims.union(*(fact.claims for fact in near))
    return chosen


def _touches(some: frozenset[str], others: frozenset[str]) -> bool:
    return any(
        one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
        for one in some
        for other in others
    )
