"""One text for what says the same: stable, proved equivalent, and never a change of admission."""

from __future__ import annotations

from typing import Any

import pytest

from policy.cel.condition import compile_condition
from policy.cel.parser import parse
from policy.cel.syntax import InvalidExpression
from policy.normalising import normalise
from policy.proving.differing import diff
from policy.proving.prover import Prover


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ("true && assertion.secboot == true", "assertion.secboot == true"),
        ("'GCE' == assertion['swname']", 'assertion.swname == "GCE"'),
        ("assertion.x == 'b' || assertion.x in ['a', 'b']", 'assertion.x in ["a", "b"]'),
        ("assertion.x in ['a']", 'assertion.x == "a"'),
        ("!(assertion.x == 'a')", 'assertion.x != "a"'),
        ("!!(assertion.x == 'a')", 'assertion.x == "a"'),
        ("!(!assertion.x)", "!(!assertion.x)"),
        ("!!assertion.x", "assertion.x"),
        ("-(-assertion.x) == 1", "-(-assertion.x) == 1"),
        ("!(-assertion.x)", "!(-assertion.x)"),
        ("assertion.x.size() > 1", "size(assertion.x) > 1"),
        ("1 < assertion.iat", "assertion.iat > 1"),
        (
            "(assertion.a == 1 || (assertion.b == 2 || assertion.a == 1))",
            "assertion.a == 1 || assertion.b == 2",
        ),
        (
            "assertion.hwmodel == 'a' && assertion.swname == 'b'",
            'assertion.swname == "b" &&\nassertion.hwmodel == "a"',
        ),
        ("(assertion.a ? assertion.b : assertion.c) == 1", "(assertion.a ? assertion.b : assertion.c) == 1"),
        ("assertion.a - (1 - assertion.b) == -(1)", "assertion.a - (1 - assertion.b) == -(1)"),
        ("assertion['a-b'] == 1u && has(assertion.`c-d`)", 'assertion["a-b"] == 1u &&\nhas(assertion.`c-d`)'),
        ("assertion['in'] == b'\\x00a'", 'assertion["in"] == b"\\x00\\x61"'),
        (
            "assertion.l.map(x, x > 1, x + 1) == [2.0, null]",
            "assertion.l.map(x, x > 1, x + 1) == [2.0, null]",
        ),
        ("'a' || false", '"a" || false'),
        (
            ".a.B{c: 'd' == assertion.e, `f-g`: {'h': 1}}.c",
            '.a.B{c: assertion.e == "d", `f-g`: {"h": 1}}.c',
        ),
        ("assertion.a in [1, '1', 1]", 'assertion.a in ["1", 1]'),
    ],
)
def test_a_condition_has_one_canonical_text(text: str, canonical: str) -> None:
    assert normalise(text) == canonical
    assert normalise(canonical) == canonical


def test_a_random_condition_is_normalised_once_and_for_all_and_decides_as_before(policies: Any) -> None:
    for _ in range(1_500):
        text = policies.condition()
        canonical = normalise(text)
        assert normalise(canonical) == canonical, text
        before, after = compile_condition(text), compile_condition(canonical)
        for _ in range(3):
            token = policies.token()
            assert before.decide(token) is after.decide(token), (text, canonical)


def test_a_random_condition_is_proved_equivalent_to_its_canonical_text(policies: Any, prover: Prover) -> None:
    verdicts = []
    for _ in range(60):
        text = policies.condition(2)
        verdicts.append(diff(text, normalise(text), prover).verdict)
    assert set(verdicts) <= {"equivalent", "undecided"}
    assert verdicts.count("undecided") <= 6


def test_a_canonical_text_says_the_same_tree_when_nothing_was_simplified() -> None:
    text = (
        "assertion.a.exists(x, !(x in assertion.c) && x.b[0] < 2)"
        ' ? {"k": 1.5}[assertion.k] == -2 : has(assertion.d.e)'
    )
    assert parse(normalise(text)) == parse(text)


def test_what_is_no_condition_is_refused() -> None:
    with pytest.raises(InvalidExpression):
        normalise("assertion.x ==")
