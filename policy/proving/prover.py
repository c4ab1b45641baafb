"""Questions about every token that a policy could ever admit, answered by proof or by a token.

    with Prover() as prover:
        answer = prover.prove(policies, 'assertion.dbgstat == "disabled-since-boot"')

Guarantee. `Proved`: no token of the schema's types, within the assumptions that the answer names, is
admitted by the evaluator of this project and makes the claim anything but true. Claims may have values
that are not documented, unless the prover assumes otherwise; `bounded` is an answer, to a prover that
accepts bounds, when one of the assumptions is a bound on a list's or a map's length, which most proofs do
without: policy/proving/smt/reads.py says which. What reads a claim that is not documented at all takes it
for a string, a boolean, an integer, null, or a list or a map of strings, and is bounded by that. Not
modelled are the evaluator's limits on the work of one evaluation and on the strings it builds, which no
token of Google's size comes near, and most of the limits on mapped attributes, which only ever refuse a
token.
Of tokens of another issuer than Confidential Space's only what the texts say is decided.
`Refuted`: a whole token that the issuer could sign and that the evaluator, asked again, admits though
the claim is not true of it; undoing any single difference from the sample would end that. `Undecided`
is neither and must never pass for a yes.

Source: docs/decisions, 0008; policy/proving/smt; cedar-policy/cedar, symcc, for the manner of answering.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Final

from attestation.errors import Misconfigured

from ..cel.condition import compile_condition
from ..policy_set import PolicySet, as_policy_set
from ..schema import ROOTS
from ..wording import listed, quoted
from . import other_issuers
from .answers import (
    Answer,
    Found,
    NoneFound,
    Proved,
    Refuted,
    Search,
    Undecided,
    Unsatisfiable,
    Values,
    conclude,
    within_bounds,
)
from .asking import admitted_with, erring, newly_admitted
from .attacking import Attack, another_value
from .budget import Allowance
from .named_questions import named_condition
from .question_names import NAMED_QUESTIONS
from .smt import questions
from .smt.admission import admissions_of, trees_of
from .smt.circuit import TooLarge
from .smt.encoding import Encoder
from .smt.enumerating import enumerate_values
from .smt.questions import Case, Question
from .smt.solver import Solver, SolverMissing
from .smt.solving import Disagreement
from .smt.tokens import SAMPLE
from .smt.values import Unsupported, Value

BUDGET_S: Final = 5.0
_NOT_ALIKE: Final = (
    "what one provider admits another one may admit now, which takes other audiences or maps otherwise:"
    " these, and Google's limits on what is mapped, are not compared"
)


class Prover:
    """One solver over many questions. Use it in a `with`, or call `close`.

    A proof that needs a bound is one only for whoever accepts bounds; one that needs that tokens have
    none but the documented claims and values, only for whoever assumes that they are `documented`.
    """

    def __init__(
        self,
        *,
        budget_s: float = BUDGET_S,
        sample: Mapping[str, object] = SAMPLE,
        accept_bounds: bool = False,
        documented: bool = False,
        attack: Attack | None = None,
    ) -> None:
        self._solver = Solver()
        self._budget_s = budget_s
        self._sample = sample
        self._allowance = Allowance(math.inf)
        self._accept_bounds = accept_bounds
        self._documented = documented
        self._attack = attack or Attack(count=0)

    def assuming_documented(self) -> Prover:
        """The same solver, which takes for granted that tokens have only documented claims and values."""
        assuming = copy.copy(self)
        assuming._documented = True
        return assuming

    def sharing(self, allowance: Allowance) -> Prover:
        """The same solver, for questions that share an allowance: when it is spent, they are undecided."""
        limited = copy.copy(self)
        limited._allowance = allowance
        return limited

    def __enter__(self) -> Prover:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> bool:
        """The solver is starting while its caller does something else; False when there is none."""
        try:
            self._solver.start()
        except SolverMissing:
            return False
        return True

    def close(self) -> None:
        self._solver.close()

    def prove(self, policies: PolicySet | str, that: str) -> Answer:
        """Whether `that`, a condition, is true of every admitted token.

        Raises:
            InvalidExpression: a condition that Google would refuse.
        """
        whole = as_policy_set(policies)
        ours = self._find(other_issuers.of_our_issuer(whole), that, negated=True)
        return _answer(_both(ours, other_issuers.find_counterexample(whole, that)))

    def prove_named(self, policies: PolicySet | str, name: str) -> Answer:
        """The answer to one of `NAMED_QUESTIONS`.

        Raises:
            InvalidExpression
            Misconfigured: there is no such question.
        """
        if name == "satisfiable":
            return self._satisfiable(policies)
        if name == "never-errors":
            return self._never_errors(as_policy_set(policies))
        if name not in NAMED_QUESTIONS:
            known = listed([quoted(each) for each in NAMED_QUESTIONS])
            raise Misconfigured(f"there is no question {quoted(name)}", hint=f"ask {known}")
        return self.prove(policies, named_condition(as_policy_set(policies), name))

    def find_admitted(self, policies: PolicySet | str, also: str = "true") -> Search:
        """A token that is admitted and of which `also` is true, or that there is none.

        Raises:
            InvalidExpression: a condition that Google would refuse.
        """
        whole = as_policy_set(policies)
        ours = self._find(other_issuers.of_our_issuer(whole), also, negated=False)
        return _both(ours, other_issuers.find_admitted(whole))

    def find_newly_admitted(self, old: PolicySet | str, new: PolicySet | str) -> Search:
        """A token that `new` admits and `old` does not, or that there is none.

        Raises:
            InvalidExpression: a condition that Google would refuse.
        """
        whole = as_policy_set(old), as_policy_set(new)
        parts = other_issuers.comparable(*whole)
        in_parts = Undecided(reason=_NOT_ALIKE) if parts else None  # then the whole proves nothing
        found = self._find_newly_admitted(*whole, against=in_parts)
        if not parts or (found is not in_parts and not isinstance(found, NoneFound)):
            return found
        proofs = []
        for part in parts:
            match self._find_newly_admitted(*part):
                case Found():
                    return Undecided(reason=_NOT_ALIKE)
                case Undecided() as undecided:
                    return undecided
                case proved:
                    proofs.append(proved)
        return conclude(
            Unsatisfiable(
                assumptions=tuple(sorted({label for each in proofs for label in each.assumptions})),
                bounded=any(each.bounded for each in proofs),
            ),
            accept_bounds=self._accept_bounds,
            attack=lambda: None,  # each of them was attacked
            attacked=lambda: self._attack.described,
        )

    def _find_newly_admitted(self, *whole: PolicySet, against: Undecided | None = None) -> Search:
        ours = [other_issuers.of_our_issuer(each) for each in whole]
        question = newly_admitted(*ours, example=partial(self._example, ours[1]))
        against = other_issuers.find_newly_admitted(*whole) or other_issuers.differ_around(*whole) or against
        return self.search(question, against=against)

    def search(
        self,
        question: Question,
        *,
        sample: Mapping[str, object] | None = None,
        against: Undecided | None = None,
    ) -> Search:
        """A token as the question asks, near `sample`, or that there is none.

        `against` is what stands against a proof, and is said in its place.
        """
        near = self._sample if sample is None else sample
        budget_s = min(self._budget_s, self._allowance.left_s)
        if budget_s <= 0:
            return Undecided(reason=self._allowance.spent)
        try:
            decided = questions.ask(
                question, self._solver, budget_s=budget_s, sample=near, documented=self._documented
            )
        except Disagreement as disagreement:
            return Undecided(reason=f"{disagreement}: please report it")
        match decided:
            case Case() as case:
                return _found(case)
            case Undecided() as undecided:
                return Undecided(reason=self._allowance.spent) if self._allowance.left_s <= 0 else undecided
        if against is not None:
            return against

        def attack() -> Found | None:
            case = self._attack(question, decided, documented=self._documented)
            return None if case is None else _found(case)

        try:
            return conclude(
                decided,
                accept_bounds=self._accept_bounds,
                attack=attack,
                attacked=lambda: self._attack.described,
            )
        except Disagreement as disagreement:
            return Undecided(reason=f"{disagreement}: please report it")

    def values_of(self, policies: PolicySet | str, claim: str) -> Values | Undecided:
        """The values of a claim (`submods.gce.project_id`) in admitted tokens.

        Raises:
            InvalidExpression: a condition that Google would refuse, or no claim's path.
        """
        others = other_issuers.find_admitted(as_policy_set(policies))
        if isinstance(others, Undecided):
            return others
        admissions = admissions_of(as_policy_set(policies))
        path = claim if claim.split(".", 1)[0].split("[", 1)[0] in ROOTS else f"assertion.{claim}"
        tree = trees_of(compile_condition(path))

        def read_claim(encoder: Encoder) -> list[tuple[int, Value]]:
            found = []
            for each in admissions:
                admitted, seen = each.formula(encoder, tree)
                found.append((admitted, seen.encode(tree[0])))
            return found

        question = admitted_with(as_policy_set(policies), "true", negated=False)
        asked = replace(question, trees=(*question.trees, *tree))
        try:
            values = enumerate_values(
                asked, read_claim, self._solver, budget_s=self._budget_s, documented=self._documented
            )
        except Disagreement as disagreement:
            return Undecided(reason=f"{disagreement}: please report it")
        if isinstance(values, Undecided) or values.finite is None:
            return self._within(values)
        return self._within(self._attacked(as_policy_set(policies), path, values))

    def _attacked(self, policies: PolicySet, path: str, values: Values) -> Values | Undecided:
        """The values, where an attack finds no other."""
        rests = Unsatisfiable(assumptions=values.assumptions, bounded=values.bounded)
        question = replace(another_value(policies, path, values), example=partial(self._example, policies))
        try:
            case = self._attack(question, rests, documented=self._documented)
        except Disagreement as disagreement:
            return Undecided(reason=f"{disagreement}: please report it")
        if case is not None:
            return Undecided(reason="an attack found another value: please report it")
        return replace(values, attacked=self._attack.described)

    def _within(self, values: Values | Undecided) -> Values | Undecided:
        if isinstance(values, Values) and values.bounded and not self._accept_bounds:
            return within_bounds(values.assumptions)
        return values

    def to_smt2(self, policies: PolicySet | str, that: str) -> str:
        """`prove` as an SMT-LIB 2.6 script: `unsat` says that it is proved.

        Raises:
            InvalidExpression
            Misconfigured: something in it has no formula.
        """
        others = other_issuers.find_admitted(as_policy_set(policies))
        if isinstance(others, Undecided):
            raise Misconfigured(others.reason, hint="a script is of Confidential Space's tokens alone")
        question = admitted_with(as_policy_set(policies), that, negated=True)
        try:
            reading = questions.read(question, until=time.monotonic() + self._budget_s)
            refused = frozenset[str]() if self._documented else reading.vocabulary
            return reading.problem.script(without=refused)
        except (Unsupported, TooLarge) as problem:
            raise Misconfigured(questions.reason_of(problem, self._budget_s)) from None

    def _find(self, policies: PolicySet | str, condition: str, *, negated: bool) -> Search:
        whole = as_policy_set(policies)
        question = admitted_with(whole, condition, negated=negated)
        if condition != "true":
            question = replace(question, example=partial(self._example, whole))
        return self.search(question)

    def _example(self, policies: PolicySet) -> Mapping[str, object] | None:
        """A token that is admitted, for an attack to begin with."""
        found = self._find(policies, "true", negated=False)
        return found.token if isinstance(found, Found) else None

    def _satisfiable(self, policies: PolicySet | str) -> Answer:
        """Whether a token is admitted that has no claims and values but documented ones."""
        match self.assuming_documented().find_admitted(policies):
            case Found() as found:
                answer = conclude(found, accept_bounds=True, attack=lambda: None)
                assert not isinstance(answer, Found)  # noqa: S101  a token that is found proves it
                return answer
            case NoneFound() if self._documented or isinstance(self.find_admitted(policies), NoneFound):
                return Refuted(token=None)
            case NoneFound() as none:
                return Undecided(
                    reason="somebody is admitted only by claims or values that are not documented",
                    assumptions=none.assumptions,
                    bounded=none.bounded,
                )
            case undecided:
                return undecided

    def _never_errors(self, policies: PolicySet) -> Answer:
        question = erring(other_issuers.of_our_issuer(policies))
        found = self.search(question)
        return _answer(_both(found, other_issuers.find_admitted(policies)))


def _both(ours: Search, others: Undecided | None) -> Search:
    """A token of our issuer is an answer; that there is none is one where no other issuer's may be."""
    return others if isinstance(ours, NoneFound) and others is not None else ours


def _answer(counterexample: Search) -> Answer:
    match counterexample:
        case Found() as found:
            return Refuted(token=found.token, google=found.google, attribute=found.attribute)
        case Proved() as proved:
            return proved
        case Undecided() as undecided:
            return undecided


def _found(case: Case) -> Found:
    return Found(token=case.assertion, google=case.google, attribute=case.attribute)


def prove(policies: PolicySet | str, that: str, *, budget_s: float = BUDGET_S) -> Answer:
    """`Prover.prove`, with a solver of its own."""
    with Prover(budget_s=budget_s) as prover:
        return prover.prove(policies, that)


def find_admitted(policies: PolicySet | str, also: str = "true", *, budget_s: float = BUDGET_S) -> Search:
    """`Prover.find_admitted`, with a solver of its own."""
    with Prover(budget_s=budget_s) as prover:
        return prover.find_admitted(policies, also)
