"""Our evaluator against Google's own runtime for CEL, on random conditions and random tokens."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import pytest
from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from policy.cel.condition import compile_condition
from policy.cel.syntax import InvalidExpression
from policy.cel.values import ErrorValue, is_unknown
from policy.policy_set import parse_policy_set
from policy.proving.peer import NoPeer, Peer

EXPRESSIONS = int(os.environ.get("SYMBOLON_ORACLE", 2_000))
"""How many distinct expressions of each kind: 2,000 here, 10,000 in `.ci/run`, more by hand."""
TOKENS_AN_EXPRESSION = 10
TOKENS = 3_000
MOST_UNKNOWN = 0.05

ENVIRONMENT = cel.NewEnv(variables={"assertion": cel.Type.DYN}, extensions=[ext_strings.ExtStrings()])


def oracle(expression: Any, token: Any) -> str:
    try:
        value = expression.eval(data={"assertion": token})
    except RuntimeError:  # how the bindings say that a map repeats a key
        return "error"
    if value.type() == cel.Type.BOOL:
        return "true" if value.value() else "false"
    return "error" if value.type() == cel.Type.ERROR else "no boolean"


def ours(text: str, token: Any) -> str:
    results, _ = compile_condition(text).evaluate(token)
    if len(results) == 1:
        (result,) = results
        if isinstance(result, bool):
            return "true" if result else "false"
        if is_unknown(result):
            return "unknown"
        return "error" if isinstance(result, ErrorValue) else "no boolean"
    if any(result is False for result in results):
        return "false"
    if any(map(is_unknown, results)):
        return "unknown"
    return "true" if all(result is True for result in results) else "error"


@pytest.mark.parametrize("kind", ["condition", "edge"])
def test_our_evaluator_agrees_with_googles_wherever_it_says_that_it_knows(maker: Any, kind: str) -> None:
    seen: Counter[str] = Counter()
    disagreements = []
    tokens = [maker.token() for _ in range(TOKENS)]
    texts: set[str] = set()
    make = getattr(maker, kind)
    while len(texts) < EXPRESSIONS:
        text = make()
        if text in texts:
            continue
        texts.add(text)
        try:
            expression = ENVIRONMENT.compile(text, disable_check=True)
        except RuntimeError as refused:
            # what is no CEL is none for us either; a constant part that fails is only an error for us
            assert "ERROR: <input>" not in str(refused) or not _compiles(text), text
            continue
        for token in maker.pick.sample(tokens, TOKENS_AN_EXPRESSION):
            theirs, mine = oracle(expression, token), ours(text, token)
            seen[theirs if mine != "unknown" else mine] += 1
            if theirs != mine and mine != "unknown":
                disagreements.append((text, token, theirs, mine))
    print(f"{len(texts)} expressions, {dict(seen)}")
    assert not disagreements, f"{len(disagreements)} disagreements, the first: {disagreements[0]}"
    decided = seen.total() - seen["unknown"]
    assert min(seen["true"], seen["false"], seen["error"]) > decided // 20
    assert seen["unknown"] < seen.total() * MOST_UNKNOWN


def _compiles(text: str) -> bool:
    try:
        compile_condition(text)
    except InvalidExpression:
        return False
    return True


def test_two_readers_agree_on_what_a_mapping_with_ternaries_comes_to(maker: Any) -> None:
    """The same for mappings, whose expressions are no booleans: the condition reads what they give."""
    seen: Counter[str] = Counter()
    tokens = [maker.token() for _ in range(TOKENS // 10)]
    while seen.total() < EXPRESSIONS * 2:
        document = {
            "name": "projects/1/locations/global/workloadIdentityPools/pool/providers/prov",
            "attributeMapping": {
                "google.subject": f'({maker.boolean(1)} ? "s" + {maker.text()} : {maker.text()})',
                "attribute.kind": f"({maker.edge()} ? {maker.text()} : string({maker.value(1, ())}))",
            },
            "attributeCondition": f"has(attribute.kind) || google.subject == {maker.text()}",
            "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
        }
        policies = parse_policy_set(json.dumps(document), name="provider.json")
        try:
            peer = Peer(policies)
        except NoPeer:
            continue
        for token in maker.pick.sample(tokens, TOKENS_AN_EXPRESSION):
            mine = policies.outcome(token)
            seen[mine] += 1
            assert mine == "unknown" or (mine == "admitted") is any(peer.admits(token)), (document, token)
    print(dict(seen))
    assert min(seen["admitted"], seen["refused"]) > seen.total() // 10
    assert seen["unknown"] < seen.total() * MOST_UNKNOWN
