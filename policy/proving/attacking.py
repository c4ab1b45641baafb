"""An independent search for a token that refutes a proof, by two readers of the policy.

    attack = Attack(count=300)
    attack.on(question, near=[example], peer=proof_of(policies, that))     # Case | None
    attack.described                                                       # for whoever reads the proof

A proof that a solver found, and a search that fails to refute it, are two reasons. The search tries
tokens that the solver does not look at (`hostile_tokens`). What a token does is decided by this
project's evaluator and, where it is installed, by Google's own runtime: one of them is enough to refute.

A token counts only if the proof speaks of it: where the issuer's facts are assumed, one that the issuer
could not sign refutes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from ..cel.syntax import Node
from ..policy_set import PolicySet, as_policy_set
from .hostile_tokens import hostile_tokens
from .peer import NoPeer, Peer
from .smt.questions import Case, Question
from .smt.tokens import SAMPLE, fits

COUNT: Final = 300
_SEED: Final = 1

Reader: TypeAlias = Callable[[Case], bool]
"""Whether a token is a witness of a question."""


class Attack:
    """`count` tokens for every question. What is made for one policy is kept for its next question."""

    def __init__(self, *, count: int = COUNT) -> None:
        self.count = count
        self.without_peer: set[str] = set()
        self._tokens: dict[tuple[int, ...], list[Case]] = {}
        self._trees: list[Sequence[Node]] = []  # kept alive: tokens are found by their trees' identity

    def on(
        self,
        question: Question,
        *,
        near: Sequence[Mapping[str, object]] = (),
        peer: Callable[[], Reader] | None = None,
    ) -> Case | None:
        """A token that is a witness of what was proved to have none, or None."""
        if not self.count:
            return None
        readers = [question.holds]
        if peer is not None:
            try:
                readers.append(peer())
            except NoPeer as reason:
                self.without_peer.add(str(reason))
        for case in self._cases(question.trees, near):
            if any(reads(case) for reads in readers) and (not question.assume_facts or fits(case.assertion)):
                return case
        return None

    @property
    def described(self) -> str:
        """By what the proofs were attacked so far, in one line."""
        if not self.count:
            return "not attacked"
        by = "by our own evaluator and Google's runtime"
        if self.without_peer:
            by = f"by our own evaluator alone: {'; '.join(sorted(self.without_peer))}"
        return f"attacked with {self.count:,} tokens {by}"

    def _cases(self, trees: Sequence[Node], near: Sequence[Mapping[str, object]]) -> list[Case]:
        key = (*map(id, trees), *map(id, near))
        if key not in self._tokens:
            self._trees.append(trees)
            made = hostile_tokens(trees, near=[SAMPLE, *near], seed=_SEED, count=self.count)
            self._tokens[key] = [Case(assertion=each) for each in made]
        return self._tokens[key]


def proof_of(policies: PolicySet | str, that: str) -> Callable[[], Reader]:
    """How Google's runtime finds a token that is admitted and of which `that` is not true."""

    def peer() -> Reader:
        whole = as_policy_set(policies)
        admits, both = Peer(whole), Peer(_asking(whole, that))

        def reads(case: Case) -> bool:
            roots = (case.assertion, case.google, case.attribute)
            pairs = zip(admits.admits(*roots), both.admits(*roots), strict=True)
            return any(admitted and not holds for admitted, holds in pairs)

        return reads

    return peer


def absence_of(policies: PolicySet | str, also: str = "true") -> Callable[[], Reader]:
    """How Google's runtime finds a token that is admitted and of which `also` is true."""

    def peer() -> Reader:
        both = Peer(_asking(as_policy_set(policies), also))
        return lambda case: any(both.admits(case.assertion, case.google, case.attribute))

    return peer


def no_more_than(old: PolicySet | str, new: PolicySet | str) -> Callable[[], Reader]:
    """How Google's runtime finds a token that `new` admits and `old` does not."""

    def peer() -> Reader:
        before, after = Peer(as_policy_set(old)), Peer(as_policy_set(new))

        def reads(case: Case) -> bool:
            roots = (case.assertion, case.google, case.attribute)
            return any(after.admits(*roots)) and not any(before.admits(*roots))

        return reads

    return peer


def _asking(policies: PolicySet, also: str) -> PolicySet:
    """The same policies, each asking one thing more."""
    providers = tuple(
        replace(each, condition=f"({each.condition.strip() or 'true'}) && ({also})")
        for each in policies.providers
    )
    return replace(policies, providers=providers)
