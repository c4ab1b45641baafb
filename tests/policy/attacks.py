"""Tokens that try to break what was proved: random ones, and ones made to hurt one question."""

from __future__ import annotations

import copy
import os
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from policy.cel import syntax
from policy.cel.condition import compile_condition
from policy.cel.values import ErrorValue
from policy.policy_set import PolicySet
from policy.proving import attacking
from policy.proving.answers import Found, NoneFound, Search, Unsatisfiable, Values
from policy.proving.smt.admission import admissions_of
from policy.proving.smt.questions import Case, Question
from policy.proving.smt.tokens import SAMPLE, differences, fits, put
from policy.schema import ROOTS
from tests.policy import second_solver
from tests.policy.proving.conftest import Policies

POOL: Final = 3_000
MADE: Final = 200
_LONGEST_LIST: Final = 6
_MOST_ENTRIES: Final = 4
_BASES: Final = 12


class Excluded(NamedTuple):
    """A question that was answered with: there is no such token."""

    question: Question
    bounded: bool
    documented: bool
    asker: str
    """The test that asked it."""


class Attack:
    """What was asked since the last attack, and as many tokens as it is attacked with.

    Most are random, drawn anew for each test from a pool, for to make one costs as much as a hundred
    decisions; `MADE` are made of the tokens that the solver found and of the questions' own constants.
    """

    def __init__(self, seed: int, tokens: int) -> None:
        self._tokens = tokens
        self._policies = Policies(seed)
        self._pick = random.Random(seed)
        self._random: list[Case] = []
        self._found: list[Mapping[str, Any]] = []
        self._excluded: list[Excluded] = []
        self._asked = 0

    def saw(self, question: Question, answer: Search, *, documented: bool) -> None:
        """Keeps what was proved to have no witness, and the witnesses of the rest."""
        if isinstance(answer, Found):
            self._found.append(answer.token)
        elif isinstance(answer, NoneFound):
            self._exclude(question, bounded=answer.bounded, documented=documented)

    def saw_values(self, policies: PolicySet, claim: str, values: object, *, documented: bool) -> None:
        """Keeps that admitted tokens have no other values of this claim."""
        if isinstance(values, Values) and values.finite is not None:
            question = _other_value(policies, claim, values)
            self._exclude(question, bounded=values.bounded, documented=documented)

    def _exclude(self, question: Question, *, bounded: bool, documented: bool) -> None:
        asker = os.environ.get("PYTEST_CURRENT_TEST", "nobody").removesuffix(" (call)")
        self._excluded.append(Excluded(question, bounded, documented, asker))

    def failures(self) -> Iterator[tuple[str, Mapping[str, object]]]:
        """Tokens that a proof said there are none of, each with the test that asked for the proof.

        That may be a test of another room, which ran before. What was asked so far is forgotten.
        """
        excluded, self._excluded = self._excluded, []
        found, self._found = self._found, []
        if not excluded:
            return
        if not self._random:
            self._random = [self._case(fitting(self._policies)) for _ in range(max(POOL, self._tokens))]
        shared = self._pick.sample(self._random, self._tokens - MADE)
        made = [self._case(token) for token in self._made(excluded, found)]
        for question, bounded, documented, asker in excluded:
            for case in (*shared, *made):
                if (
                    question.holds(case)
                    and not (bounded and _is_long(case))
                    and (fits(case.assertion, documented=documented) or not question.assume_facts)
                ):
                    yield asker, case.assertion
            for token in self._hostile(question, bounded=bounded, documented=documented):
                yield asker, token
            self._asked += 1
            if self._asked % second_solver.EVERY == 0 and question.peer is not None:
                said = second_solver.says(question, documented=documented)
                if said == "sat":
                    yield asker, {"cvc5": "there is such a token"}

    def _hostile(
        self, question: Question, *, bounded: bool, documented: bool
    ) -> Iterator[Mapping[str, object]]:
        """As the product attacks its own proofs: long lists, undocumented values, and two readers."""
        decided = Unsatisfiable(bounded=bounded)
        question = replace(question, example=None)  # its prover is closed, and would start a solver anew
        case = attacking.Attack(count=self._tokens // 20)(question, decided, documented=documented)
        if case is not None:
            yield case.assertion

    def _case(self, token: Mapping[str, object]) -> Case:
        google, attribute = self._policies.roots()
        return Case(assertion=token, google=google, attribute=attribute)

    def _made(self, excluded: list[Excluded], found: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Tokens near admitted ones, with claims taken from elsewhere and constants put in."""
        constants = sorted(
            {
                node.value
                for each in excluded
                for tree in each.question.trees
                for node, _ in syntax.walk(tree)
                if isinstance(node, syntax.Literal) and isinstance(node.value, str)
            }
        )
        pick = self._pick
        bases = [SAMPLE, *found[-_BASES:]]
        for _ in range(MADE):
            base, other = pick.choice(bases), pick.choice(self._random).assertion
            token = copy.deepcopy(dict(base))
            changes = list(differences(token, pick.choice((other, pick.choice(bases)))))
            for path, value in pick.sample(changes, min(len(changes), pick.randint(1, 3))):
                if isinstance(value, str) and constants and pick.random() < 0.5:
                    value = pick.choice(constants) + pick.choice(("", "", "x"))
                put(token, path, value)
            self._stretched(token, constants)
            yield token

    def _stretched(self, token: dict[str, Any], constants: list[str]) -> None:
        """Now and then a list or a map has many entries, or a claim has a value that is not documented."""
        pick = self._pick
        if pick.random() < 0.3:
            token[pick.choice(("hwmodel", "dbgstat", "swname"))] = "OTHER"
        container = token.get("submods", {}).get("container", {})
        many = [pick.choice((*constants, "other")) for _ in range(pick.randint(8, 20))]
        if pick.random() < 0.3:
            token[pick.choice(("google_service_accounts", "swversion"))] = many
        if pick.random() < 0.3 and container:
            container[pick.choice(("args", "cmd_override"))] = many
        if pick.random() < 0.3 and container:
            container[pick.choice(("env", "env_override"))] = dict.fromkeys(
                [f"{each}{pick.randrange(9)}" for each in many] + many, pick.choice((*constants, ""))
            )


def _other_value(policies: PolicySet, claim: str, values: Values) -> Question:
    """Is a token admitted whose claim is none of the values, or absent though it never is?"""
    admissions = admissions_of(policies)
    begins = re.split(r"[.\[]", claim, maxsplit=1)[0]
    read = compile_condition(claim if begins in ROOTS else f"assertion.{claim}")
    known = {(type(each), each) for each in values.finite or ()}

    def holds(case: Case) -> bool:
        for each in admissions:
            if each.admits(case):
                value = read.evaluate(case.assertion, *(each.sees(case) or ({}, {})))[0][0]
                if isinstance(value, ErrorValue):
                    if not values.absent and not value.unknown:
                        return True
                    continue
                parts = value if isinstance(value, list | dict) else [value]
                if any((type(part), part) not in known for part in parts):
                    return True
        return False

    def formula(_: object) -> int:
        raise AssertionError("this question is never asked of the solver")

    trees = tuple(tree for each in admissions for tree in each.trees)
    return Question(formula=formula, holds=holds, trees=trees)


def _is_long(case: Case) -> bool:
    """Whether a list or a map of it is longer than a proof that names its bounds looked at."""
    waiting: list[object] = [case.assertion, case.attribute]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list) and len(each) > _LONGEST_LIST:
            return True
        if isinstance(each, dict):
            waiting += each.values()
    containers = [case.assertion.get("submods", {}).get("container", {})]  # type: ignore[attr-defined]
    maps = [
        case.attribute,
        *(each.get(name) or {} for each in containers for name in ("env", "env_override")),
    ]
    return any(len(each) > _MOST_ENTRIES for each in maps)


def fitting(policies: Policies) -> dict[str, Any]:
    """A random token, bent until most of the issuer's facts hold."""
    token: dict[str, Any] = policies.token()
    space = token["submods"].get("confidential_space", {})
    attributes = policies.pick.choice(
        (["USABLE"], ["STABLE", "USABLE"], ["LATEST", "STABLE", "USABLE"], ["EXPERIMENTAL"])
    )
    if "support_attributes" in space:
        space["support_attributes"] = attributes
    if token["dbgstat"] == "enabled":
        space.pop("support_attributes", None)
    if token["swname"] == "GCE":
        token["submods"].pop("container", None)
        token["submods"].pop("confidential_space", None)
    if token["hwmodel"] != "GCP_INTEL_TDX":
        token.pop("tdx", None)
    token["iss"], token["oemid"] = SAMPLE["iss"], 11129
    return token
