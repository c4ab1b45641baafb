"""An independent search for a token that refutes a proof, by two readers of the policy.

    attack = Attack(count=300)
    with Prover(attack=attack) as prover: …
    attack.described                                     # for whoever reads the proof

A proof that a solver found, and a search that fails to refute it, are two reasons. The search tries
tokens that the solver does not look at (`hostile_tokens`). What a token does is decided by this
project's evaluator and, where it is installed, by Google's own runtime: one of them is enough to
refute.

A token counts only if the proof speaks of it. One that the issuer could not sign refutes nothing, nor
does one with a value that is not documented where that was assumed, nor one with a long list where a
bound was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from attestation.errors import Misconfigured

from ..cel.condition import compile_condition
from ..cel.rendering import render_constant
from ..cel.syntax import Node
from ..cel.values import ErrorValue
from ..policy_set import PolicySet, as_policy_set
from .answers import Unsatisfiable, Values
from .hostile_tokens import hostile_tokens
from .peer import NoPeer, Peer
from .smt.admission import admissions_of, trees_of
from .smt.claims import SPARE_ENTRIES
from .smt.demands import MOST_ELEMENTS
from .smt.questions import Case, Question
from .smt.solving import Disagreement
from .smt.tokens import SAMPLE, fits, nearest

COUNT: Final = 300
_SEED: Final = 1
_MOST_KEPT: Final = 8

Reader: TypeAlias = Callable[[Case], bool]
"""Whether a token is a witness of a question."""


class Attack:
    """`count` tokens for every question. What is made for one policy is kept for its next question."""

    def __init__(self, *, count: int = COUNT) -> None:
        self.count = count
        self.without_peer: set[str] = set()
        self._has_begun = False
        self._tokens: dict[tuple[int, ...], tuple[Sequence[Node], list[Case]]] = {}

    def __call__(self, question: Question, decided: Unsatisfiable, *, documented: bool) -> Case | None:
        """A token that is a witness of what was decided to have none, or None.

        Raises:
            Disagreement: Google's runtime sees a witness where this project's evaluator sees none.
        """
        if not self.count:
            return None
        self._has_begun = True
        peer = self._peer(question)
        for case in self._cases(question):
            ours = question.holds(case)
            if (ours or peer(case)) and self._is_spoken_of(case, question, decided, documented=documented):
                if not ours:
                    raise Disagreement("Google's runtime admits a token that refutes it, and we do not")
                return self._nearest(case, question, decided, documented=documented)
        return None

    def _nearest(self, case: Case, question: Question, decided: Unsatisfiable, *, documented: bool) -> Case:
        """The token without what it need not have to refute: no difference left can be undone."""

        def refutes(assertion: Mapping[str, object]) -> bool:
            attempt = replace(case, assertion=assertion)
            return question.holds(attempt) and self._is_spoken_of(
                attempt, question, decided, documented=documented
            )

        example = None if question.example is None else question.example()
        return replace(case, assertion=nearest(case.assertion, example or SAMPLE, refutes))

    @property
    def described(self) -> str:
        """By what the proofs were attacked so far, in one line."""
        if not self.count:
            return "not attacked"
        if not self._has_begun:
            return "not attacked: nothing was proved"
        by = "by our own evaluator and Google's runtime"
        if self.without_peer:
            by = f"by our own evaluator alone: {'; '.join(sorted(self.without_peer))}"
        return f"attacked with {self.count:,} token{'s' if self.count != 1 else ''} {by}"

    def _peer(self, question: Question) -> Reader:
        if question.peer is None:
            self.without_peer.add("the question is not one for Google's runtime")
        else:
            try:
                return question.peer()
            except NoPeer as reason:
                self.without_peer.add(str(reason))
        return lambda _: False

    def _is_spoken_of(
        self, case: Case, question: Question, decided: Unsatisfiable, *, documented: bool
    ) -> bool:
        if decided.bounded and _is_long(case):
            return False
        return not question.assume_facts or fits(case.assertion, documented=documented)

    def _cases(self, question: Question) -> list[Case]:
        """Half of them are near a token that is admitted, where one is known."""
        trees = question.trees if question.attacked is None else question.attacked
        key = tuple(map(id, trees))
        if key not in self._tokens:
            if len(self._tokens) >= _MOST_KEPT:
                self._tokens.clear()
            admitted = None if question.example is None else question.example()
            near = [SAMPLE] if admitted is None else [SAMPLE, admitted]
            made = hostile_tokens(trees, near=near, seed=_SEED, count=self.count)
            self._tokens[key] = trees, [Case(assertion=each) for each in made]  # the trees stay alive
        return self._tokens[key][1]


def _is_long(case: Case) -> bool:
    waiting: list[object] = [case.assertion]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            if len(each) > MOST_ELEMENTS:
                return True
            waiting += each
        elif isinstance(each, Mapping):
            if len(each) > SPARE_ENTRIES and all(isinstance(value, str) for value in each.values()):
                return True
            waiting += each.values()
    return False


def roots_of(case: Case) -> tuple[Mapping[str, object], ...]:
    """What a token gives a policy to read."""
    return case.assertion, case.google, case.attribute


def proof_of(policies: PolicySet | str, that: str) -> Callable[[], Reader]:
    """How Google's runtime finds a token that is admitted and of which `that` is not true."""

    def peer() -> Reader:
        whole = Peer(as_policy_set(policies))
        asked = whole.compiled(that)

        def reads(case: Case) -> bool:
            return any(not whole.is_true(asked, seen) for seen in whole.admitted(*roots_of(case)))

        return reads

    return peer


def absence_of(policies: PolicySet | str, *also: str) -> Callable[[], Reader]:
    """How Google's runtime finds a token that is admitted and of which one of `also` is true."""

    def peer() -> Reader:
        whole = Peer(as_policy_set(policies))
        asked = [whole.compiled(each) for each in also]

        def reads(case: Case) -> bool:
            return any(
                whole.is_true(each, seen) for seen in whole.admitted(*roots_of(case)) for each in asked
            )

        return reads

    return peer


def no_more_than(old: PolicySet | str, new: PolicySet | str) -> Callable[[], Reader]:
    """How Google's runtime finds a token that `new` admits and `old` does not."""

    def peer() -> Reader:
        before, after = Peer(as_policy_set(old)), Peer(as_policy_set(new))

        def reads(case: Case) -> bool:
            roots = roots_of(case)
            return bool(after.admitted(*roots)) and not before.admitted(*roots)

        return reads

    return peer


def another_value(policies: PolicySet, claim: str, values: Values) -> Question:
    """Is a token admitted whose `claim`, an expression, is none of `values`, or absent though it never is?

    It is for an attack alone: it has no formula.
    """
    admissions = admissions_of(policies)
    read = compile_condition(claim)
    known = {(type(each), each) for each in values.finite or ()}

    def is_another(value: object) -> bool:
        if isinstance(value, ErrorValue):
            return not values.absent and not value.unknown
        parts = value if isinstance(value, list | dict) else [value]
        return any((type(part), part) not in known for part in parts)

    def holds(case: Case) -> bool:
        return any(
            is_another(read.evaluate(case.assertion, *(each.sees(case) or ({}, {})))[0][0])
            for each in admissions
            if each.admits(case)
        )

    def formula(_: object) -> int:
        raise AssertionError("this question is never asked of a solver")

    def peer() -> Reader:
        try:
            listed = ", ".join(
                "null" if each is None else render_constant(each) for each in values.finite or ()
            )
        except Misconfigured:
            raise NoPeer("a value is no text of Google's runtime") from None
        holds_several = f"type({claim}) == list || type({claim}) == map"
        is_known = f"({holds_several} ? {claim}.all(each, each in [{listed}]) : {claim} in [{listed}])"
        return absence_of(policies, f"!{is_known}")()

    trees = (*trees_of(read), *(tree for each in admissions for tree in each.trees))
    return Question(formula=formula, holds=holds, trees=trees, peer=peer)
