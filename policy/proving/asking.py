"""The questions about policies, as the solver, the evaluator and Google's runtime each take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..cel.condition import compile_condition
from ..cel.values import is_unknown
from ..explaining import explain
from ..policy_set import PolicySet
from .attacking import absence_of, no_more_than, proof_of
from .smt.admission import Admission, admissions_of, trees_of
from .smt.encoding import Encoder
from .smt.questions import Case, Question


def admitted_with(policies: PolicySet, condition: str, *, negated: bool) -> Question:
    """Is a token admitted for which `condition` is true, or `negated`, is not?"""
    admissions = admissions_of(policies)
    also = compile_condition(condition)
    trees = trees_of(also)

    def formula(encoder: Encoder) -> int:
        found = []
        for each in admissions:
            admitted, seen = each.formula(encoder, trees)
            is_true = encoder.circuit.all_of([seen.truth(tree) for tree in trees])
            found.append(encoder.circuit.both(admitted, -is_true if negated else is_true))
        return encoder.circuit.any_of(found)

    def holds(case: Case) -> bool:
        for each in admissions:
            if each.admits(case):
                google, attribute = each.sees(case) or ({}, {})
                trace = explain(also, assertion=case.assertion, google=google, attribute=attribute)
                if trace.refused if negated else trace.admitted:
                    return True
        return False

    all_trees = (*trees, *(tree for each in admissions for tree in each.trees))
    peer = proof_of(policies, condition) if negated else absence_of(policies, condition)
    return Question(
        formula=formula,
        holds=holds,
        trees=all_trees,
        peer=peer,
        is_unknown=lambda case: any(each.is_not_said_of(case) for each in admissions),
    )


def newly_admitted(
    old: PolicySet, new: PolicySet, *, example: Callable[[], Mapping[str, object] | None]
) -> Question:
    """Does `new` admit a token that `old` does not? `example` is a token that `new` admits."""
    before, after = admissions_of(old), admissions_of(new)

    def formula(encoder: Encoder) -> int:
        return encoder.circuit.both(_admitted(encoder, after), -_admitted(encoder, before))

    def holds(case: Case) -> bool:
        return any(each.admits(case) for each in after) and all(each.refuses(case) for each in before)

    return Question(
        formula=formula,
        holds=holds,
        trees=tuple(tree for each in (*before, *after) for tree in each.trees),
        peer=no_more_than(old, new),
        example=example,
        is_unknown=lambda case: any(each.is_not_said_of(case) for each in (*before, *after)),
    )


def erring(policies: PolicySet) -> Question:
    """Is there a token of which no clause is false, and one neither true nor false?"""
    conditions = [each for each in admissions_of(policies) if each.condition.clauses]

    def formula(encoder: Encoder) -> int:
        return encoder.circuit.any_of([_is_error(encoder, each) for each in conditions])

    def holds(case: Case) -> bool:
        return any(_errs(each, case) for each in conditions)

    return Question(
        formula=formula,
        holds=holds,
        trees=tuple(tree for each in conditions for tree in each.trees),
        is_unknown=lambda case: any(each.is_not_said_of(case) for each in conditions),
    )


def _admitted(encoder: Encoder, admissions: tuple[Admission, ...]) -> int:
    return encoder.circuit.any_of([each.formula(encoder, ())[0] for each in admissions])


def _is_error(encoder: Encoder, admission: Admission) -> int:
    """That the mapping succeeds and no clause is false, but one is neither true nor false."""
    circuit = encoder.circuit
    mapped, seen = admission.mapped(encoder, ())
    trees = trees_of(admission.condition)
    none_false = circuit.all_of([-seen.falsity(tree) for tree in trees])
    return circuit.all_of((mapped, none_false, -circuit.all_of([seen.truth(tree) for tree in trees])))


def _errs(admission: Admission, case: Case) -> bool:
    seen = admission.sees(case)
    if seen is None:
        return False
    results = admission.condition.evaluate(case.assertion, *seen)[0]
    if any(result is False or is_unknown(result) for result in results):
        return False
    return not all(result is True for result in results)
