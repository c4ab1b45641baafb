"""A question about all tokens, from its formula to a witness that the evaluator has confirmed.

Source: docs/decisions, 0008; policy/proving/smt/facts.py for what is assumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...cel import syntax
from ..answers import Undecided, Unsatisfiable
from . import facts, strings, tokens
from .circuit import Circuit, TooLarge
from .claims import Claims
from .demands import Demands, ReadAgain
from .encoding import Encoder
from .reads import MOST_SLOTS
from .solver import Solver, SolverGaveUp, SolverMissing
from .solving import Dialogue, Disagreement, Impossible, Model, Problem
from .values import Unsupported

_MOST_READINGS: Final = 40
_MOST_ELEMENTS: Final = 12
_MOST_WIDENINGS: Final = 4
_MODELLED: Final = "the types string, bool, int, null, and list or map of strings"
NOT_INSTALLED: Final = (
    "not decided: z3 is not installed: in a clone of this project, `scripts/environment prove`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A token, and what it is mapped to where no mapping says it."""

    assertion: Mapping[str, object]
    google: Mapping[str, object] = field(default_factory=dict)
    attribute: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Is there a token for which `formula` is true? `holds` is what the evaluator says of one.

    `trees` are all expressions in it: their constants say how long lists must be, and their claims
    which of the issuer's facts matter. Without `assume_facts` tokens may be any that fit the types.
    """

    formula: Callable[[Encoder], int]
    holds: Callable[[Case], bool]
    trees: tuple[syntax.Node, ...]
    assume_facts: bool = True
    peer: Callable[[], Callable[[Case], bool]] | None = None
    """How Google's own runtime answers `holds`, where it can be asked."""
    attacked: tuple[syntax.Node, ...] | None = None
    """What an attack makes tokens for, where that is not all of `trees`."""
    example: Callable[[], Mapping[str, object] | None] | None = None
    """A token that is admitted, near which an attack looks."""
    is_unknown: Callable[[Case], bool] | None = None
    """Whether a formula may be wrong of a token: `Admission.is_not_said_of`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as a problem for the solver, and the token that it is about."""

    claims: Claims
    problem: Problem
    goal: int

    @property
    def vocabulary(self) -> frozenset[str]:
        """The assumptions that nothing else is documented."""
        return frozenset(self.claims.vocabulary)

    @property
    def spare(self) -> frozenset[str]:
        """The assumptions that are best not needed: bounds, and what is documented."""
        return self.vocabulary.union(self.claims.bounds)

    def unsatisfiable(self, needed: frozenset[str], *, documented: bool) -> Unsatisfiable:
        """That there is no token, and what this rests on: a bound that does not bind is none."""
        bounds = {label for label in needed if label in self.claims.bounds}
        binding = {label for label in bounds if self.claims.unsettled(label)}
        if not documented:
            binding |= {f"`{each}` has at most {_MODELLED}" for each in self.claims.undocumented}
        return Unsatisfiable(assumptions=tuple(sorted(needed - bounds | binding)), bounded=bool(binding))

    def wider(self, needed: frozenset[str]) -> dict[str, int]:
        """For the lists and maps whose bounds are needed, how many slots would do; empty where none would."""
        unsettled = [each for label in needed for each in self.claims.unsettled(label).items()]
        enough = {path: slots for path, slots in unsettled if slots is not None and slots <= MOST_SLOTS}
        return enough if len(enough) == len(unsettled) else {}


def read(question: Question, *, until: float, slots: Mapping[str, int] | None = None) -> Reading:
    """The problem, with every demand met; `until` is a time of `time.monotonic()`.

    `slots` is how many the lists and maps at these paths are to have at least.

    Raises:
        Unsupported, TooLarge
    """
    demands = Demands(elements=_elements(question.trees), slots=dict(slots or {}))
    for _ in range(_MOST_READINGS):
        claims = Claims(Circuit(), demands, until=until)
        try:
            return _read_once(question, claims)
        except ReadAgain:
            continue
    raise TooLarge


def _read_once(question: Question, claims: Claims) -> Reading:
    encoder = Encoder(claims)
    claims.root("assertion")
    goal = question.formula(encoder)
    assumptions: dict[str, int] = {}
    if question.assume_facts:
        mentioned = frozenset().union(*(facts.claims_of(tree) for tree in question.trees))
        for fact in facts.connected(mentioned):
            assumptions[fact.label] = encoder.truth(fact.tree)
    always = list(claims.possible_keys())
    labelled = [*claims.facts.items(), *claims.vocabulary.items()] if question.assume_facts else []
    assumptions |= {label: claims.circuit.all_of(literals) for label, literals in labelled}
    always += claims.possible_strings()
    always += claims.always
    assumptions |= {
        label: claims.circuit.all_of([each.holds for each in bounds])
        for label, bounds in claims.bounds.items()
    }
    problem = Problem(circuit=claims.circuit, goal=goal, always=tuple(always), assumptions=assumptions)
    return Reading(claims, problem, goal)


def _elements(trees: Iterable[syntax.Node]) -> int:
    """How many elements lists need: more than the numbers and the lists that they are compared with."""
    least = 5
    for tree in trees:
        for node, _ in syntax.walk(tree):
            if isinstance(node, syntax.Literal) and isinstance(node.value, int):
                least = max(least, node.value if node.value < _MOST_ELEMENTS else 0)
            elif isinstance(node, syntax.Binary) and node.operator in ("==", "!="):
                sides = (node.left, node.right)
                least = max(
                    least, *(len(each.items) for each in sides if isinstance(each, syntax.ListLiteral)), 0
                )
    return min(least + 1, _MOST_ELEMENTS)


def ask(
    question: Question,
    solver: Solver,
    *,
    budget_s: float,
    sample: Mapping[str, object],
    documented: bool = False,
) -> Case | Unsatisfiable | Undecided:
    """A confirmed witness near `sample`, or that there is none, or why neither is known.

    A witness has undocumented values only where there is none without them, and never if they are
    `documented`: then that is an assumption, if it is needed.
    """
    until = time.monotonic() + budget_s
    slots: dict[str, int] = {}
    known: Unsatisfiable | None = None
    try:
        for _ in range(_MOST_WIDENINGS):
            reading = read(question, until=until, slots=slots)
            dialogue = Dialogue(solver, reading.problem, until=until)
            answer = dialogue.solve(spare=reading.spare)
            undocumented = False
            if isinstance(answer, Impossible) and not documented and answer & reading.vocabulary:
                answer = dialogue.refuse(reading.vocabulary, spare=reading.spare)
                undocumented = True
            if isinstance(answer, Model):
                model = _nearer(reading, dialogue, answer, sample)
                return _witness(question, reading, model, sample, documented=not undocumented)
            known = reading.unsatisfiable(answer, documented=documented)
            wider = reading.wider(answer) if known.bounded else {}
            if not wider:
                return known
            slots |= wider
    except (Unsupported, TooLarge, SolverMissing, SolverGaveUp, strings.TooManyCombinations) as problem:
        if known is None:
            return Undecided(reason=reason_of(problem, budget_s))
    assert known is not None  # noqa: S101  a first reading was answered
    return known


def reason_of(problem: Exception, budget_s: float) -> str:
    """Why there is no answer, in one line."""
    match problem:
        case Unsupported():
            place = "" if problem.span is None else f", at characters {problem.span.start}-{problem.span.end}"
            return f"{problem.what} cannot be decided{place}"
        case SolverMissing():
            return NOT_INSTALLED
        case SolverGaveUp():
            return f"{problem} ({budget_s:g} s)"
        case _:
            return "the condition has too many combinations to be decided"


def _nearer(reading: Reading, dialogue: Dialogue, model: Model, sample: Mapping[str, object]) -> Model:
    wishes = list(tokens.preferences(reading.claims, reading.claims.root("assertion"), sample))
    try:
        return dialogue.nearer(wishes, model)
    except (SolverGaveUp, TooLarge):
        return model  # a token further from the sample is a witness all the same


def _witness(
    question: Question, reading: Reading, model: Model, sample: Mapping[str, object], *, documented: bool
) -> Case:
    case = case_of(reading, model, sample)
    if not tokens.is_written_in_unicode(case.assertion):  # the solver's characters have halves of pairs
        raise Unsupported("a text of which half a surrogate pair is part")
    if question.assume_facts and not tokens.fits(case.assertion, documented=documented):
        if sample is not tokens.SAMPLE and not tokens.fits(sample, documented=documented):
            # what the model does not mention came from a sample that the issuer would not sign
            return _witness(question, reading, model, tokens.SAMPLE, documented=documented)
        raise Disagreement("a witness that the issuer could not sign")
    confirm(question, case)

    def holds(assertion: Mapping[str, object]) -> bool:
        if question.assume_facts and not tokens.fits(assertion, documented=documented):
            return False
        return question.holds(Case(assertion=assertion, google=case.google, attribute=case.attribute))

    nearest = tokens.nearest(case.assertion, sample, holds)
    return Case(assertion=nearest, google=case.google, attribute=case.attribute)


def confirm(question: Question, case: Case) -> None:
    """Nothing, where the evaluator says of a token what the formula says.

    Raises:
        Unsupported: the formula says nothing of such a token.
        Disagreement
    """
    if question.holds(case):
        return
    if question.is_unknown is not None and question.is_unknown(case):
        raise Unsupported("what Google makes of a token that may be one")
    raise Disagreement("a witness that the evaluator does not confirm")


def case_of(reading: Reading, model: Model, sample: Mapping[str, object]) -> Case:
    """The token of a model, and what `google` and `attribute` are where they are free."""
    witness = tokens.Witness(reading.claims, model)
    roots: dict[str, Any] = {"google": {}, "attribute": {}}
    roots["assertion"] = witness.root("assertion", reading.claims.root("assertion"), sample)
    for name in ("google", "attribute"):
        if reading.claims.is_read(name):
            roots[name] = witness.root(name, reading.claims.root(name), {})
    return Case(**roots)
