"""Each operator, function and macro of a formula alone, and in pairs: a disagreement names its primitive."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from policy.policy_set import policy_set_of
from policy.proving.answers import Found, NoneFound, Undecided
from policy.proving.attacking import Attack
from policy.proving.peer import NoPeer, Peer
from policy.proving.prover import Prover

ZONE = "assertion.submods.gce.zone"
NAME = "assertion.submods.gce.instance_name"
ACCOUNTS = "assertion.google_service_accounts"
ENV = "assertion.submods.container.env"
ATTRIBUTES = "assertion.submods.confidential_space.support_attributes"

PRIMITIVES = {
    "==": f'{ZONE} == "a"',
    "!=": f'{ZONE} != "b"',
    "== of two claims": f"{ZONE} == {NAME}",
    "== of numbers": "assertion.iat == 9007199254740993",
    "== of a double": "assertion.iat == 9007199254740992.0",
    "== of an unsigned number": "assertion.iat == 5u",
    "== of lists": f'{ACCOUNTS} == ["a", "b"]',
    "== of maps": f'{ENV} == {{"A": "b"}}',
    "== null": "assertion.submods.container.cmd_override == null",
    "<": f'{ZONE} < "b"',
    "<=": "assertion.iat <= 9007199254740993.0",
    ">": f'{NAME} > "\\U0001F600"',
    ">=": "assertion.exp >= assertion.iat",
    "in a list": f'"a" in {ACCOUNTS}',
    "in constants": f'{ZONE} in ["a", "b", "c"]',
    "in a map": f'"A" in {ENV}',
    "&&": f'({ZONE} == "a" && {NAME} == "a")',
    "||": f'({ZONE} == "a" || {NAME} == "b")',
    "!": "!assertion.secboot",
    "?:": f'(assertion.secboot ? {ZONE} : {NAME}) == "a"',
    "+ of strings": f'{ZONE} + "-x" == "a-x"',
    "+ of numbers": "assertion.iat + 1 == 6",
    "- of numbers": "assertion.exp - assertion.iat <= 3600",
    "unary -": "-assertion.iat == -5",
    "has": f"has({ENV}.A)",
    "has of a part": "has(assertion.submods.nvidia_gpu)",
    "index of a list": f'{ACCOUNTS}[1] == "b"',
    "index of a map": f'{ENV}["A"] == "b"',
    "size of a string": f"size({ZONE}) == 1",
    "size of a list": f"size({ACCOUNTS}) == 2",
    "size of a map": f"size({ENV}) <= 1",
    "startsWith": f'{ZONE}.startsWith("a")',
    "endsWith": f'{ZONE}.endsWith("a")',
    "contains": f'{ZONE}.contains("a")',
    "contains of two claims": f"{ZONE}.contains({NAME})",
    "matches": f'{ZONE}.matches("^[a-c]{{1,2}}$")',
    "extract": f'{ZONE}.extract("a{{x}}b") == "c"',
    "lowerAscii": f'{ZONE}.lowerAscii() == "a"',
    "all": f'{ACCOUNTS}.all(v, v != "a")',
    "exists": f'{ACCOUNTS}.exists(v, v.startsWith("b"))',
    "exists_one": f'{ACCOUNTS}.exists_one(v, v == "a")',
    "filter": f'{ACCOUNTS}.filter(v, v != "a") == ["b"]',
    "map": f'{ACCOUNTS}.map(v, v + "x") == ["ax"]',
    "all of a map": f'{ENV}.all(k, k in ["A", "B"])',
    "exists of a map": f'{ENV}.exists(k, {ENV}[k] == "b")',
    "nested macros": f"{ATTRIBUTES}.all(v, {ACCOUNTS}.exists(w, w == v))",
    "int": "int(assertion.secboot) == 1",
    "string": 'string(assertion.secboot) == "true"',
    "bool": f"bool({ZONE})",
    "type": "type(assertion.aud) == list",
    "dyn": f'dyn({ZONE}) == "a"',
}
HARD = frozenset(("contains of two claims", "map"))
"""What the solver may give up on, beside others."""


@pytest.mark.parametrize("name", PRIMITIVES)
@pytest.mark.parametrize("negated", [False, True])
def test_a_primitive_alone_is_found_both_ways_and_read_alike(
    prover: Prover, name: str, negated: bool
) -> None:
    condition = f"!({PRIMITIVES[name]})" if negated else PRIMITIVES[name]
    found = prover.find_admitted(condition)
    assert isinstance(found, Found), found
    assert policy_set_of(condition).admits(found.token)
    try:
        peer = Peer(policy_set_of(condition))
    except NoPeer:
        assert name == "extract"
        return
    assert any(peer.admits(found.token)), found.token


@pytest.fixture(scope="module")
def attacked() -> Iterator[Prover]:
    """One that is not patient, and attacks what it proves."""
    with Prover(attack=Attack(count=60), budget_s=10) as prover:
        yield prover


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_is_decided_beside_every_other(attacked: Prover, name: str) -> None:
    """That both hold, and that only one does: what is said to be impossible is attacked."""
    undecided = []
    for other in itertools.takewhile(lambda each: each != name, PRIMITIVES):
        one, another = PRIMITIVES[name], PRIMITIVES[other]
        for condition in (f"({one}) && ({another})", f"({one}) && !({another})"):
            answer = attacked.find_admitted(condition)
            if isinstance(answer, Undecided):
                assert "please report it" not in answer.reason, (condition, answer)
                undecided.append(other)
            elif isinstance(answer, NoneFound):
                assert not answer.bounded, (condition, answer)
            else:
                assert policy_set_of(condition).admits(answer.token)
    if name not in HARD:
        assert len(undecided) <= 4, undecided
