"""Our evaluator against Google's own runtime for CEL, on random conditions and random tokens."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
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


TEMPLATES = (
    "{x}",
    "a{x}",
    "{x}b",
    "a{x}b",
    "@{}",
    "{x}@",
    "us-{region}.pkg",
    "{host}/",
    "aa{x}",
    "é{x}",
    "{x}😀",
    "x{y}x",
)
BESIDE: tuple[Callable[[Any, str], str], ...] = (
    lambda maker, part: f"{part} {maker.pick.choice(('==', '!=', '<', '>='))} {maker.text()}",
    lambda maker, part: f"size({part}) {maker.pick.choice(('==', '<', '>'))} {maker.pick.choice('0123')}",
    lambda maker, part: f"{part}.{maker.pick.choice(('startsWith', 'endsWith', 'contains'))}({maker.text()})",
    lambda maker, part: f'{part}.matches("{maker.pick.choice(maker.patterns)}")',
    lambda maker, part: f"{maker.text()}.matches({part})",
    lambda maker, part: f"{part} in [{maker.text()}, {maker.text()}]",
    lambda maker, part: f"{part} in {maker.claim()}",
    lambda maker, part: f"[{part}, {maker.text()}].exists(v, v == {maker.text()})",
    lambda maker, part: f"({part} + {maker.text()}) == {maker.text()}",
    lambda maker, part: f"{part}.lowerAscii() == {maker.text()}",
    lambda maker, part: f"{part}.split('').size() > 1",
    lambda maker, part: f"({maker.boolean(1)} ? {part} : {maker.text()}) == {maker.text()}",
    lambda maker, part: f"{maker.boolean(1)} || {part} == {maker.text()}",
    lambda maker, part: f"{maker.pick.choice(maker.conversions)}({part}) == {maker.value(0, ())}",
    lambda maker, part: f"{{{part}: 1, 'k': 2}} == {{{maker.text()}: 1, 'k': 2}}",
    lambda maker, part: f"type({part}) == string",
)


def extracted(text: str, template: str) -> str:
    """What stands for `{name}` of the template, read as a regular expression: another reader."""
    before, _, rest = template.partition("{")
    after = rest.partition("}")[2]
    part = "(.*?)" if after else "(.*)"
    found = re.search(re.escape(before) + part + re.escape(after), text, re.DOTALL)
    return "" if found is None else found[1]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("/order_date={date}/", "2019-11-03"),
        ("buckets/{name}/", "acme-orders-aaa"),
        ("/orders/{empty}order_date", ""),
        ("{start}/objects/data_lake", "projects/_/buckets/acme-orders-aaa"),
        ("orders/{end}", "order_date=2019-11-03/aef87g87ae0876"),
        (
            "{all}",
            "projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876",
        ),
        ("/orders/{none}/order_date=", ""),
        ("/orders/order_date=2019-11-03/{id}/data_lake", ""),
    ],
)
def test_googles_own_examples_of_extract(template: str, expected: str) -> None:
    """Source: IAM documentation, "Attribute reference for IAM Conditions", `extract`."""
    name = "projects/_/buckets/acme-orders-aaa/objects/data_lake/orders/order_date=2019-11-03/aef87g87ae0876"
    assert extracted(name, template) == expected
    assert compile_condition(f'assertion.name.extract("{template}") == "{expected}"').decide({"name": name})


def test_extract_beside_every_other_function_is_the_part_that_it_takes(maker: Any) -> None:
    """Google's runtime does not know `extract`: it is asked of a claim that is the part already."""
    seen: Counter[str] = Counter()
    tokens = [maker.token() for _ in range(TOKENS // 10)]
    texts: set[str] = set()
    while len(texts) < EXPRESSIONS // 2:
        template = maker.pick.choice(TEMPLATES)
        text = maker.pick.choice(BESIDE)(maker, "PART")
        ours_text = text.replace("PART", f"assertion.s.extract({json.dumps(template, ensure_ascii=False)})")
        if ours_text in texts:
            continue
        texts.add(ours_text)
        try:
            expression = ENVIRONMENT.compile(text.replace("PART", "assertion.part"), disable_check=True)
        except RuntimeError:
            continue
        for token in maker.pick.sample(tokens, TOKENS_AN_EXPRESSION):
            subject = token.get("s")
            part = {"part": extracted(subject, template)} if isinstance(subject, str) else {}
            theirs, mine = oracle(expression, {**token, **part}), ours(ours_text, token)
            seen[mine] += 1
            assert mine in (theirs, "unknown"), (ours_text, token, theirs)
    print(dict(seen))
    assert min(seen["true"], seen["false"], seen["error"]) > seen.total() // 30
