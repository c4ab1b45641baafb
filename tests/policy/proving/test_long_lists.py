"""Proofs over random readings of lists and maps, attacked with lists and maps longer than any slot."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from policy.cel.condition import compile_condition
from policy.proving.answers import Proved, Undecided
from policy.proving.prover import Prover
from policy.proving.smt.tokens import fits
from tests.policy.attacks import fitting
from tests.policy.proving.conftest import Policies
from tests.policy.seeds import chosen_seed

ACCOUNTS = "assertion.google_service_accounts"
VERSIONS = "assertion.swversion"
ENV = "assertion.submods.container.env"
WORDS = ("'a'", "'b'", "'c'", "'aa'")
QUESTIONS = 200
TOKENS = 1_000


class Readings:
    """Random conditions that read lists and maps in every way that needs no bound, and in some that do."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)

    def word(self, names: tuple[str, ...]) -> str:
        return self.pick.choice((*names, *names, *WORDS))

    def condition(self, depth: int = 2, names: tuple[str, ...] = ()) -> str:
        pick = self.pick
        kind = pick.randrange(9)
        if depth <= 0 or kind < 4:
            return self.simple(names)
        if kind == 4:
            return f"!({self.condition(depth - 1, names)})"
        if kind < 7:
            name = f"v{len(names)}"
            macro = pick.choice(("all", "exists", "exists_one"))
            body = self.condition(depth - 1, (*names, name))
            return f"{pick.choice((ACCOUNTS, VERSIONS, ENV))}.{macro}({name}, {body})"
        joined = pick.choice(("&&", "||"))
        return f"({self.condition(depth - 1, names)} {joined} {self.condition(depth - 1, names)})"

    def simple(self, names: tuple[str, ...]) -> str:
        pick = self.pick
        any_of, one_list = pick.choice((ACCOUNTS, VERSIONS, ENV)), pick.choice((ACCOUNTS, VERSIONS))
        comparison = pick.choice(("<", "==", ">="))
        return pick.choice(
            (
                f"{self.word(names)} == {self.word(names)}",
                f"{self.word(names)} in {any_of}",
                f"{self.word(names)}.startsWith({pick.choice(WORDS)})",
                f"size({any_of}) {comparison} {pick.randrange(9)}",
                f"{one_list}[{pick.randrange(4)}] == {self.word(names)}",
                f"{ACCOUNTS} == ['a', 'b']",
                f"{ENV} == {{'a': 'b'}}",
                f"{ENV}[{pick.choice(names) if names else pick.choice(WORDS)}] == {pick.choice(WORDS)}",
                f"{one_list}.filter(w, w != {self.word(names)}).size() {comparison} {pick.randrange(4)}",
                f"{one_list}.map(w, w + 'a').exists(w, w == {self.word(names)})",
            )
        )

    def token(self, policies: Policies) -> dict[str, Any]:
        """A token whose lists and map have up to a dozen entries, most of them alike."""
        pick = self.pick
        token = fitting(policies)
        for name in ("google_service_accounts", "swversion"):
            length = pick.choice((0, 1, 2, 5, 7, 8, 9, 12))
            token[name] = ["a" if pick.random() < 0.5 else pick.choice("abcd") for _ in range(length)]
        if "container" in token["submods"]:
            keys = pick.sample(("a", "b", "c", "aa", "d", "e", "f", "g", "h", "ab"), pick.randrange(10))
            token["submods"]["container"]["env"] = {key: pick.choice("abcd") for key in keys}
        return token


def test_what_is_proved_without_a_bound_holds_of_long_lists_too(prover: Prover) -> None:
    seed = chosen_seed()
    readings, policies = Readings(seed), Policies(seed)
    tokens = [token for token in (readings.token(policies) for _ in range(TOKENS)) if fits(token)]
    counted: Counter[str] = Counter()
    for _ in range(QUESTIONS):
        condition = " && ".join(readings.condition() for _ in range(readings.pick.randint(1, 3)))
        that = readings.condition()
        answer = prover.prove(condition, that)
        counted[type(answer).__name__] += 1
        assert not isinstance(answer, Undecided) or "report" not in answer.reason, (condition, that)
        if isinstance(answer, Proved):
            assert not answer.bounded
            admits, holds = compile_condition(condition), compile_condition(that)
            for token in tokens:
                assert not admits.decide(token) or holds.decide(token), (condition, that, token)
    assert counted["Proved"] > QUESTIONS // 8
    assert counted["Refuted"] > QUESTIONS // 4
