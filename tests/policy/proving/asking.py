"""The conditions that proofs are tried on, and what an answer has to be to be believed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from policy.cel import syntax
from policy.cel.condition import compile_condition
from policy.proving.answers import Found, Proved, Refuted
from policy.proving.prover import Prover
from policy.proving.smt import tokens
from policy.proving.smt.tokens import SAMPLE, differences, fits
from tests.policy.attacks import fitting

_TOKENS = 10_000
CONTAINER = "assertion.submods.container"
SPACE = "assertion.submods.confidential_space"
DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64
PINNED = f'{CONTAINER}.image_digest == "{DIGEST}"'
STABLE = f'"STABLE" in {SPACE}.support_attributes'
ACCOUNT = "workload@operator-project.iam.gserviceaccount.com"
HARDENED = (
    'assertion.swname == "CONFIDENTIAL_SPACE" && assertion.dbgstat == "disabled-since-boot"'
    f' && {STABLE} && assertion.hwmodel in ["GCP_AMD_SEV", "GCP_INTEL_TDX"] && {PINNED}'
    f' && assertion.submods.gce.project_id == "operator-project"'
    f' && "{ACCOUNT}" in assertion.google_service_accounts'
    f" && (!has({CONTAINER}.cmd_override) || size({CONTAINER}.cmd_override) == 0)"
    f" && (!has({CONTAINER}.env_override)"
    f' || {CONTAINER}.env_override.all(name, name in ["INPUT_URI", "TOP_K"]))'
)
NOT_DEBUG = 'assertion.dbgstat == "disabled-since-boot"'
REFERENCE = f"{CONTAINER}.image_reference"
ACCOUNTS = "assertion.google_service_accounts"
ZONE = "assertion.submods.gce.zone"
PROJECT = "assertion.submods.gce.project_id"


class Attack:
    """Random tokens that the issuer could sign, and ones made to hurt a given policy."""

    def __init__(self, policies: Any) -> None:
        self.policies = policies
        self.pick = random.Random(policies.pick.random())
        self.pool = [token for token in (fitting(policies) for _ in range(_TOKENS // 2)) if fits(token)]

    def tokens(self, condition: str, admitted: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
        """Many times the pool, and admitted tokens with a few claims taken from elsewhere."""
        yield from self.pool
        if admitted is None:
            return
        constants = [
            node.value
            for clause in compile_condition(condition).clauses
            for node, _ in syntax.walk(clause.node)
            if isinstance(node, syntax.Literal) and isinstance(node.value, str)
        ]
        for _ in range(_TOKENS - len(self.pool)):
            token = copy.deepcopy(dict(admitted))
            changes = list(differences(token, self.pick.choice(self.pool)))
            for path, value in self.pick.sample(changes, min(len(changes), self.pick.randint(1, 3))):
                if isinstance(value, str) and constants and self.pick.random() < 0.3:
                    value = self.pick.choice(constants) + self.pick.choice(("", "x"))
                tokens.put(token, path, value)
            yield token


@pytest.fixture(scope="module")
def proved(policies: Any, prover: Prover) -> Callable[[str, str], Proved]:
    """Proves, and then attacks what was proved with 10,000 tokens."""
    attack = Attack(policies)

    def proved(condition: str, that: str) -> Proved:
        answer = prover.prove(condition, that)
        assert isinstance(answer, Proved), answer
        found = prover.find_admitted(condition)
        admits, holds = compile_condition(condition), compile_condition(that)
        for token in attack.tokens(condition, found.token if isinstance(found, Found) else None):
            if admits.decide(token) and not holds.decide(token):
                assert not fits(token), token
        return answer

    return proved


def refuted(answer: object, condition: str, that: str) -> Mapping[str, Any]:
    """The counterexample, which the evaluator confirms, which the issuer could sign, and which is minimal."""
    assert isinstance(answer, Refuted), answer
    token = answer.token
    assert token is not None and fits(token)

    def breaks(each: Mapping[str, Any]) -> bool:
        return (
            fits(each)
            and compile_condition(condition).decide(each)
            and not compile_condition(that).decide(each)
        )

    assert breaks(token)
    for path, value in differences(token, SAMPLE):
        closer = copy.deepcopy(dict(token))
        tokens.put(closer, path, value)
        assert not breaks(closer), path
    return token
