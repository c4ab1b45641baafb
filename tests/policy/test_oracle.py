"""Our evaluator against Google's own runtime for CEL, on random conditions and random tokens."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from policy.cel.condition import compile_condition
from policy.cel.values import ErrorValue

EVALUATIONS = 60_000
TOKENS_A_CONDITION = 24
TOKENS = 3_000

ENVIRONMENT = cel.NewEnv(variables={"assertion": cel.Type.DYN}, extensions=[ext_strings.ExtStrings()])


def oracle(expression: Any, token: Any) -> str:
    value = expression.eval(data={"assertion": token})
    if value.type() == cel.Type.BOOL:
        return "true" if value.value() else "false"
    return "error" if value.type() == cel.Type.ERROR else "no boolean"


def ours(text: str, token: Any) -> str:
    results, _ = compile_condition(text).evaluate(token)
    if len(results) == 1:
        (result,) = results
        if isinstance(result, bool):
            return "true" if result else "false"
        return "error" if isinstance(result, ErrorValue) else "no boolean"
    if any(result is False for result in results):
        return "false"
    return "true" if all(result is True for result in results) else "error"


def test_our_evaluator_agrees_with_googles_on_random_conditions_and_tokens(maker: Any) -> None:
    seen: Counter[str] = Counter()
    compiled = 0
    disagreements = []
    tokens = [maker.token() for _ in range(TOKENS)]
    while sum(seen.values()) < EVALUATIONS:
        text = maker.condition()
        try:
            expression = ENVIRONMENT.compile(text, disable_check=True)
        except RuntimeError:  # a constant part that fails already when it is compiled
            continue
        compiled += 1
        for token in maker.pick.sample(tokens, TOKENS_A_CONDITION):
            theirs, mine = oracle(expression, token), ours(text, token)
            seen[theirs] += 1
            if theirs != mine:
                disagreements.append((text, token, theirs, mine))
    print(f"{compiled} conditions, {dict(seen)}")
    assert not disagreements, f"{len(disagreements)} disagreements, the first: {disagreements[0]}"
    assert min(seen["true"], seen["false"], seen["error"]) > EVALUATIONS // 20
