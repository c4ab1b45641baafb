"""A policy tested on tokens, and tokens made from a policy.

    report = run_cases(policies, {"production": (claims, True), "debug": (other_claims, False)})
    generated = generate(policies, prover)

Source: google/cel-go, tools/celtest, for what coverage asks of a condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ..cel import syntax
from ..cel.evaluator import Compiler
from ..cel.syntax import Node
from ..cel.values import is_unknown
from ..deciding import Outcome
from ..issuers import has_our_vocabulary, unknown_vocabulary
from ..policy_set import PolicySet, as_policy_set
from .answers import Found, Search, Undecided
from .prover import Prover
from .smt.admission import Admission, admissions_of
from .smt.encoding import Encoder
from .smt.questions import Case, Question

_BOOLEAN_CALLS = ("startsWith", "endsWith", "contains", "matches")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one token, and whether that was expected."""

    name: str
    outcome: Outcome
    expected: bool

    @property
    def passed(self) -> bool:
        return self.outcome == ("admitted" if self.expected else "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A part of a condition that was never `missing` in any of the tokens."""

    provider: str
    text: str
    span: tuple[int, int]
    missing: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`unseen` are the Boolean parts that were not seen both true and false."""

    results: tuple[Result, ...]
    unseen: tuple[Unseen, ...]

    @property
    def passed(self) -> bool:
        return all(result.passed for result in self.results)


def run_cases(policies: PolicySet | str, cases: Mapping[str, tuple[Mapping[str, object], bool]]) -> Report:
    """The decision on each token, beside the one that was expected.

    Raises:
        InvalidExpression: a condition that Google would refuse.
    """
    policies = as_policy_set(policies)
    admissions = admissions_of(policies)
    results = [
        Result(
            name=name,
            outcome=policies.outcome(assertion),
            expected=expected,
        )
        for name, (assertion, expected) in cases.items()
    ]
    tokens = [assertion for assertion, _ in cases.values()]
    unseen = [each for admission in admissions for each in _unseen(admission, tokens)]
    return Report(results=tuple(results), unseen=tuple(unseen))


def _unseen(admission: Admission, tokens: list[Mapping[str, object]]) -> Iterator[Unseen]:
    text = admission.condition.text
    cases = [Case(assertion=token) for token in tokens]
    roots = [(case, seen) for case in cases if (seen := admission.sees(case)) is not None]
    for clause in admission.condition.clauses:
        for node in _boolean_nodes(clause.node):
            compiler = Compiler(text)
            run = compiler.compile(node)
            outcomes: set[Any] = {
                outcome
                for case, seen in roots
                if type(outcome := run([case.assertion, *seen, *compiler.blank[3:]])) is bool
            }
            missing = tuple(each for each in (True, False) if each not in outcomes)
            if missing:
                span = node.span
                yield Unseen(
                    provider=admission.provider.name,
                    text=text[span.start : span.end],
                    span=(span.start, span.end),
                    missing=missing,
                )


def _boolean_nodes(clause: Node) -> Iterator[Node]:
    """The parts that are true or false of a token as a whole: not those within macros."""
    waiting = [clause]
    while waiting:
        node = waiting.pop()
        match node:
            case syntax.Literal():
                continue
            case syntax.Comprehension():
                if node.macro in ("all", "exists", "exists_one"):
                    yield node
                waiting.append(node.range)
                continue
            case syntax.Has() | syntax.Logical() | syntax.Unary(operator="!"):
                yield node
            case syntax.Binary() if node.operator in _COMPARISONS:
                yield node
            case syntax.Call() if node.function in _BOOLEAN_CALLS:
                yield node
            case _ if node is clause:
                yield node
        waiting += reversed(syntax.children(node))


_READS_WHAT_IS_MAPPED: Final = (
    "the condition reads what a provider maps, and names no provider: make the tests from the provider"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A token that fails one clause and nothing else; None where there is none, or it is undecided.

    `redundant`: it is proved that the clause alone keeps nobody out, and `elsewhere`, that another provider
    admits whomever it does. `reason` says why it is undecided.
    """

    provider: str
    clause: str
    span: tuple[int, int]
    token: Mapping[str, object] | None
    redundant: bool = False
    elsewhere: bool = False
    assumptions: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A token that is admitted, when there is one, and for every clause one that fails only it."""

    admitted: Search
    failing: tuple[Failing, ...]


def generate(policies: PolicySet | str, prover: Prover) -> Generated:
    """Test tokens made from the policy itself; each was decided by the ordinary evaluator.

    Raises:
        InvalidExpression: a condition that Google would refuse.
    """
    whole = as_policy_set(policies)
    admitted = prover.find_admitted(whole)
    if isinstance(admitted, Found) and whole.outcome(admitted.token) != "admitted":
        admitted = Undecided(reason=_READS_WHAT_IS_MAPPED)
    near = admitted.token if isinstance(admitted, Found) else None
    admissions = admissions_of(whole)
    failing = [
        _if_refused(whole, _failing(admissions, admission, number, prover, near))
        for admission in admissions
        for number in range(len(admission.condition.clauses))
    ]
    return Generated(admitted=admitted, failing=tuple(failing))


def _if_refused(policies: PolicySet, failing: Failing) -> Failing:
    """The same, where its token is one that is known to be refused: it lies in a folder of such."""
    if failing.token is None or policies.outcome(failing.token) == "refused":
        return failing
    return replace(failing, token=None, reason=_READS_WHAT_IS_MAPPED)


def _failing(
    admissions: tuple[Admission, ...],
    admission: Admission,
    number: int,
    prover: Prover,
    near: Mapping[str, object] | None,
) -> Failing:
    """What fails this clause alone; a token, where no other provider admits it."""
    others = tuple(each for each in admissions if each is not admission)
    failing = _failing_beside(others, admission, number, prover, near)
    if not others or not failing.redundant:
        return failing
    alone = _failing_beside((), admission, number, prover, near)
    return alone if alone.token is None else replace(alone, token=None, elsewhere=True)


def _failing_beside(
    others: tuple[Admission, ...],
    admission: Admission,
    number: int,
    prover: Prover,
    near: Mapping[str, object] | None,
) -> Failing:
    clause = admission.condition.clauses[number]
    issuer = admission.provider.issuer
    if not has_our_vocabulary(issuer):
        return Failing(
            provider=admission.provider.name,
            clause=clause.text,
            span=(clause.node.span.start, clause.node.span.end),
            token=None,
            redundant=False,
            assumptions=(),
            reason=unknown_vocabulary(issuer),
        )
    found = prover.search(_only_failing(admission, number, others, by_error=False), sample=near)
    if not isinstance(found, Found):
        found = prover.search(_only_failing(admission, number, others, by_error=True), sample=near)
    return Failing(
        provider=admission.provider.name,
        clause=clause.text,
        span=(clause.node.span.start, clause.node.span.end),
        token=found.token if isinstance(found, Found) else None,
        redundant=not isinstance(found, Found | Undecided),
        assumptions=() if isinstance(found, Found | Undecided) else found.assumptions,
        reason=found.reason if isinstance(found, Undecided) else "",
    )


def _only_failing(
    admission: Admission, number: int, others: tuple[Admission, ...], *, by_error: bool
) -> Question:
    """Is there a token for which this clause is false, or also an error, and every other one is true?

    Of `others`, the providers beside it, none admits it.
    """
    nodes = [clause.node for clause in admission.condition.clauses]

    def formula(encoder: Encoder) -> int:
        mapped, seen = admission.mapped(encoder, ())
        true = [seen.truth(node) for node in nodes]
        true[number] = -true[number] if by_error else seen.falsity(nodes[number])
        elsewhere = [-each.formula(encoder, ())[0] for each in others]
        return encoder.circuit.all_of((mapped, *true, *elsewhere))

    def holds(case: Case) -> bool:
        seen = admission.sees(case)
        if seen is None:
            return False
        results = admission.condition.evaluate(case.assertion, *seen)[0]
        if any(map(is_unknown, results)):
            return False
        if not by_error and results[number] is not False:
            return False
        if not all((result is True) is (place != number) for place, result in enumerate(results)):
            return False
        return all(each.refuses(case) for each in others)

    return Question(
        formula=formula,
        holds=holds,
        trees=tuple(tree for each in (admission, *others) for tree in each.trees),
        is_unknown=lambda case: any(each.is_not_said_of(case) for each in (admission, *others)),
    )
