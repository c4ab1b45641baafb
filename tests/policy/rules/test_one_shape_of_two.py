"""The rule one-shape-of-two."""

from __future__ import annotations

from typing import Any

import pytest
from cel_expr_python import cel

from policy.cel import compile_condition
from policy.shapes import either_shape

BOTH = '(type(assertion.eat_nonce) == string ? assertion.eat_nonce == "n" : "n" in assertion.eat_nonce)'


@pytest.mark.parametrize(
    ("condition", "other"),
    [
        ("'n' in assertion.eat_nonce", "a string"),
        ("assertion.eat_nonce == ['n']", "a string"),
        ("assertion.eat_nonce.exists(each, each == 'n') || 'n' in assertion.eat_nonce", "a string"),
        ("assertion.eat_nonce == 'n'", "a list"),
        ("!(assertion.eat_nonce != 'n')", "a list"),
        ("assertion.eat_nonce in ['n']", "a list"),
        ("assertion.eat_nonce.startsWith('n')", "a list"),
    ],
)
def test_a_nonce_has_two_shapes(findings: Any, condition: str, other: str) -> None:
    (found,) = findings(condition)
    assert found["severity"] == "medium"
    assert (
        found["message"]
        == f"`eat_nonce` is a string or a list, and where it is {other} this does not see into it"
    )
    assert found["hint"] == f"ask `{BOTH}`"


@pytest.mark.parametrize(
    "condition",
    [
        BOTH,
        "assertion.eat_nonce == 'n' || 'n' in assertion.eat_nonce",
        "type(assertion.eat_nonce) == list && 'n' in assertion.eat_nonce || false",
        "assertion.aud == 'https://sts.googleapis.com'",
        "has(assertion.eat_nonce)",
    ],
)
def test_a_clause_for_both_is_fine(findings: Any, condition: str) -> None:
    assert findings(condition) == []


@pytest.mark.parametrize(
    ("nonce", "admitted"), [("n", True), (["n"], True), (["m", "n"], True), ("m", False), ([], False)]
)
def test_what_it_says_to_write_admits_both_shapes_here_and_by_googles_runtime(
    nonce: object, admitted: bool
) -> None:
    text = either_shape("assertion.eat_nonce", "n")
    assert text == BOTH
    claims = {"eat_nonce": nonce}
    assert compile_condition(text).decide(claims) is admitted
    assert of_google(text, claims) is admitted


def of_google(text: str, assertion: dict[str, Any]) -> object:
    environment = cel.NewEnv(variables={"assertion": cel.Type.DYN})
    return environment.compile(text).eval(data={"assertion": assertion}).value()
