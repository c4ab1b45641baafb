"""Tokens, and random conditions over all that conditions can say."""

from __future__ import annotations

import base64
import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from policy.cel.rendering import render_constant
from policy.policy_set import PolicySet, policy_set_of
from policy.proving.answers import Search, Undecided, Values
from policy.proving.prover import Prover
from policy.proving.smt.questions import Question
from tests.policy import second_solver
from tests.policy.attacks import Attack
from tests.policy.seeds import chosen_seed
from tests.tokens import production_claims

Token = dict[str, Any]

GOOD: Token = production_claims()


@pytest.fixture
def good() -> Token:
    """The claims of a production workload."""
    return copy.deepcopy(GOOD)


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder with real tokens."""
    default = Path(__file__).resolve().parents[3] / "shared" / "vectors"
    folder = Path(os.environ.get("SYMBOLON_VECTORS", default))
    if not folder.is_dir():
        pytest.skip("the folder with real tokens is not on this machine")
    return folder


def payload(token: str) -> Token:
    """The claims of a JWT, unverified."""
    part = token.strip().split(".")[1]
    claims: Token = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


@pytest.fixture(scope="session")
def production_token(vectors: Path) -> Token:
    return payload((vectors / "tokens" / "google-tdx-production.jwt").read_text())


@pytest.fixture(scope="session")
def debug_tokens(vectors: Path) -> list[Token]:
    document = json.loads((vectors / "tokens" / "google-sev-debug-with-jwks.json").read_text())
    return [payload(token) for token in document["tokens"].values()]


class Maker:
    """Random conditions and random tokens that they may be about, from one seed."""

    strings = ("a", "ab", "b", "", "aab", "é😀", "x@y", "STABLE", "1", " 7 ", "true", "us-docker.pkg.dev/p")
    patterns = (
        *("^a+$", "b", "a|b$", "^(a|ab)$", "[0-9]{1,2}", "(a+)+$", r"\\bx", "(?i)A", "^.$", "[^a]"),
        *(
            r"\\w@",
            r"\\pL",
            "(",
            "(?=a)",
            "a{2,1}",
            r"\\d+|^$",
            "x*?@",
            r"\\1",
            "^[[:upper:]]+$",
            r"\\Qx@\\E",
        ),
    )
    conversions = ("int", "uint", "double", "string", "bool", "bytes", "dyn", "type")
    numbers = ("0", "1", "2", "-1", "1u", "2u", "0.0", "1.0", "1.5", "-0.5", "9223372036854775807", "3")
    claims = (
        *("s", "t", "e", "n", "m", "d", "z", "yes", "no", "missing", "list", "map", "empty", "deep.s"),
        *("deep.list", "deep.missing", "deep.z.x", "s.x", "list.x", "mixed", "map.a", "map.b", "big"),
    )

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)

    def one(self, *choices: Callable[[], str]) -> str:
        return self.pick.choice(choices)()

    def constant(self) -> str:
        pick = self.pick
        return self.one(
            lambda: render_constant(pick.choice(self.strings)),
            lambda: render_constant(pick.choice(self.strings)),
            lambda: pick.choice(self.numbers),
            lambda: pick.choice(("true", "false", "null", 'b"a"', "b'\\xff'", "int", "type(1)")),
        )

    def claim(self) -> str:
        path = self.pick.choice(self.claims)
        if self.pick.random() < 0.15:
            head, _, tail = path.partition(".")
            return f'assertion["{head}"]' + (f".{tail}" if tail else "")
        return f"assertion.{path}"

    def value(self, depth: int, names: tuple[str, ...]) -> str:
        if names and self.pick.random() < 0.35:
            return self.pick.choice(names)
        if depth <= 0 or self.pick.random() < 0.45:
            return self.claim() if self.pick.random() < 0.65 else self.constant()
        below = depth - 1

        def sub() -> str:
            return self.value(below, names)

        return self.one(
            lambda: f"({sub()} {self.pick.choice('+-*/%')} {sub()})",
            lambda: f"size({sub()})",
            lambda: f"{sub()}.size()",
            lambda: f"{self.pick.choice(self.conversions)}({sub()})",
            lambda: f"[{', '.join(sub() for _ in range(self.pick.randrange(3)))}]",
            lambda: f"{{{self.constant()}: {sub()}}}",
            lambda: f"{sub()}[{self.value(0, names)}]",
            lambda: f"({self.boolean(below, names)} ? {sub()} : {sub()})",
            lambda: f"{sub()}.split({render_constant(self.pick.choice(('a', '', '@', '-')))})",
            lambda: f"{sub()}.join({render_constant(self.pick.choice(('', '-')))})",
            lambda: f"-({sub()})",
            lambda: self.gathering(below, names),
            lambda: self.boolean(below, names),
        )

    def gathering(self, depth: int, names: tuple[str, ...]) -> str:
        name = f"v{len(names)}"
        inner = (*names, name)
        source = self.value(depth, names)
        return self.one(
            lambda: f"{source}.map({name}, {self.value(depth, inner)})",
            lambda: f"{source}.map({name}, {self.boolean(depth, inner)}, {self.value(depth, inner)})",
            lambda: f"{source}.filter({name}, {self.boolean(depth, inner)})",
        )

    def boolean(self, depth: int, names: tuple[str, ...] = ()) -> str:
        below = depth - 1

        def value() -> str:
            return self.value(below, names)

        def text() -> str:  # most often a string, so that not everything is an error
            if self.pick.random() < 0.25:
                return value()
            claims = [f"assertion.{claim}" for claim in ("s", "t", "e", "deep.s")]
            return self.pick.choice((*claims, *names, render_constant(self.pick.choice(self.strings))))

        def many() -> str:  # most often a list or a map
            if self.pick.random() < 0.25:
                return value()
            return self.pick.choice(
                ("assertion.list", "assertion.mixed", "assertion.map", "assertion.deep.list")
            )

        def sub() -> str:
            return self.boolean(below, names)

        def quantified() -> str:
            name = f"v{len(names)}"
            macro = self.pick.choice(("all", "exists", "exists_one"))
            return f"{many()}.{macro}({name}, {self.boolean(below, (*names, name))})"

        simple = (
            lambda: f"{value()} {self.pick.choice(('==', '!=', '<', '<=', '>', '>='))} {value()}",
            lambda: f"{text()} {self.pick.choice(('==', '!=', '<', '>='))} {text()}",
            lambda: f"{text()} == {self.constant()}",
            lambda: f"{text()} in {many()}",
            lambda: f"{text()} in [{', '.join(self.constant() for _ in range(3))}]",
            lambda: f"{self.constant()} in {many()}",
            lambda: f"size({many()}) {self.pick.choice(('==', '<', '>'))} {self.pick.choice('012')}",
            lambda: f"has(assertion.{self.pick.choice(self.claims)})",
            lambda: f"{text()}.{self.pick.choice(('startsWith', 'endsWith', 'contains'))}({text()})",
            lambda: f'{text()}.matches("{self.pick.choice(self.patterns)}")',
            value,
        )
        if depth <= 0:
            return f"({self.one(*simple)})"
        return (
            "("
            + self.one(
                *simple,
                lambda: f"{sub()} && {sub()}",
                lambda: f"{sub()} || {sub()}",
                lambda: f"{sub()} && {sub()} && {sub()}",
                lambda: f"{sub()} || {sub()} || {sub()}",
                lambda: f"!{sub()}",
                lambda: f"{sub()} ? {sub()} : {sub()}",
                quantified,
                quantified,
            )
            + ")"
        )

    texts = (
        *(
            '"0x1p3"',
            '"1e3"',
            '" 7 "',
            '"\\t8\\n"',
            '"+5"',
            '"0x10"',
            '".5"',
            '"5."',
            '"1_0"',
            '"inf"',
            '"nan"',
        ),
        *('"NaN(7)"', '"-0"', '"1e400"', '"00012"', '"9223372036854775808"', '"-9223372036854775808"'),
        *(
            '"18446744073709551615"',
            '"٣"',
            '"1 2"',
            '"t"',
            '"TRUE"',
            '"f"',
            '"yes"',
            '""',
            '"0X1P-2"',
            '"1d"',
        ),
        *('"""a\r\nb"""', "'''a\rb'''", '"a\\rb"', 'r"a\\nb"', '"\\u00e9"', '"\\U0001F600"', '"\\101"'),
        *('"\\x41"', '"\\a\\b\\f\\v"', 'b"\\x41\\377"', "b'é'", '"\\?\\`"', '"é".size()'),
    )
    messages = (
        "google.protobuf.Int64Value{value: 1}",
        "google.protobuf.DoubleValue{value: assertion.d,}",
        ".google.protobuf.StringValue{}",
        "google.protobuf.BoolValue{value: assertion.no}",
        "google.protobuf.ListValue{}.size()",
    )
    literals = (
        *(
            "0x10",
            "-0x10",
            "0xFu",
            "1e3",
            "1.e3",
            ".5",
            "1.5e-3",
            "5.0e-324",
            "1.0e308",
            "0.1",
            "1e23",
            "2e22",
        ),
        *("9223372036854775807", "-9223372036854775808", "18446744073709551615u", "9007199254740993", "-1"),
        *("9007199254740993.0", "9007199254740992.0", "123456789.125", "7.291122019556398e-304", "-0.0"),
        *("(0.0 / 0.0)", "-(1.0 / 0.0)"),
    )
    computed = (
        *('"^a" + "+$"', '"[" + "a]"', '"(" + "a"', '"a{" + "2}"', '"\\\\d" + "+"', '"(?i)" + "A"'),
        *('"\\\\p{" + "L}"', '"x|" + "y"', '["a", "b"].join("|")', '"a,b".split(",")[0]', '"\\\\p{Greek}"'),
        *('"(" + "(((((((((a)))))))))" + ")"', '"^" + assertion.t', "assertion.s", '"*" + ""', '"a" + "**"'),
    )

    def text(self) -> str:
        """A string, most often; some are odd to read."""
        return self.pick.choice((*self.texts, "assertion.s", "assertion.t"))

    def edge(self) -> str:
        """A boolean over conversions, odd literals, maps of odd keys, computed patterns, ternaries."""
        pick = self.pick

        def key() -> str:
            return pick.choice(("true", "false", "1", "1u", "2", "2u", "0", '"1"', '"a"', "assertion.m"))

        def number() -> str:
            return pick.choice((*self.literals, *self.numbers, "assertion.n", "assertion.d", "assertion.big"))

        text = self.text

        def entries() -> str:
            return ", ".join(f"{key()}: {number()}" for _ in range(pick.randint(1, 3)))

        compare = pick.choice(("==", "!=", "<", "<=", ">", ">="))
        return self.one(
            lambda: f"{pick.choice(self.conversions)}({text()}) {compare} {number()}",
            lambda: f"string({number()}) {compare} {text()}",
            lambda: f"string({pick.choice(self.conversions)}({text()})) == {text()}",
            lambda: f"{number()} {compare} {number()}",
            lambda: f"{pick.choice(self.conversions)}({number()}) {compare} {number()}",
            lambda: f"({number()} {pick.choice('+-*/%')} {number()}) {compare} {number()}",
            lambda: (
                f"string({pick.choice(self.literals)} / {pick.choice(('0.0', '2.0'))}) {compare} {text()}"
            ),
            lambda: f"{pick.choice((*self.messages, *self.literals))} {compare} {number()}",
            lambda: f"size({{{entries()}}}) {compare} {pick.choice('0123')}",
            lambda: f"{{{entries()}}}[{key()}] {compare} {number()}",
            lambda: f"{key()} in {{{entries()}}}",
            lambda: f"{{{entries()}}} == {{{entries()}}}",
            lambda: f"{{{entries()}}}.{pick.choice(('all', 'exists', 'exists_one'))}(k, k {compare} {key()})",
            lambda: f"{text()}.matches({pick.choice(self.computed)})",
            lambda: f'{text()}.matches({pick.choice(self.computed)} + "|q")',
            lambda: f"({self.boolean(0)} ? {text()} : {number()}) == {text()}",
            lambda: f"[{number()}, {text()}].exists(v, [v, {number()}].all(w, w {compare} v))",
            lambda: f"{text()} {compare} {text()}",
            lambda: f"-({number()}) {compare} {number()}",
            lambda: f"type({number()}) == type({number()})",
        )

    def condition(self) -> str:
        return " && ".join(self.boolean(2) for _ in range(self.pick.randint(1, 3)))

    def token(self) -> Token:
        """Claims with the names that conditions use; each may be absent, null or of another type."""
        pick = self.pick

        def text() -> str:
            return pick.choice(self.strings)

        token: Token = {
            "s": text(),
            "t": text(),
            "e": "",
            "n": pick.choice((0, 1, 3, -1, 2**63 - 1)),
            "m": pick.choice((1, 2)),
            "d": pick.choice((0.0, 1.0, 1.5, -2.5)),
            "z": None,
            "yes": True,
            "no": False,
            "list": [text() for _ in range(pick.randrange(4))],
            "mixed": [
                pick.choice((1, "a", None, True, 1.5, ["a"], {"a": 1})) for _ in range(pick.randrange(4))
            ],
            "empty": [],
            "map": {key: pick.choice((text(), 1, True)) for key in ("a", "b") if pick.random() < 0.7},
            "deep": {"s": text(), "list": [text()], "z": {}},
            "big": pick.choice((2**63, 2**63 - 1, -(2**63))),
        }
        for key in list(token):
            if pick.random() < 0.08:
                del token[key]
            elif pick.random() < 0.06:
                token[key] = pick.choice((None, 1, "a", [], {}, True, ["a", 1]))
        return token


@pytest.fixture(scope="session")
def maker() -> Maker:
    return Maker(chosen_seed())


@pytest.fixture(scope="session")
def attack() -> Iterator[Attack]:
    """Every answer of every prover in this room, to be attacked when the test is over.

    A thousand proofs and a thousand tokens each take half a minute; SYMBOLON_ATTACK=10000 takes ten
    times as many tokens. The proofs of `test_proving` are attacked with ten thousand in every run.
    """
    attack = Attack(chosen_seed(), int(os.environ.get("SYMBOLON_ATTACK", 1_000)))
    search = Prover.search

    def recorded(self: Prover, question: Question, **near: Any) -> Search:
        answer = search(self, question, **near)
        attack.saw(question, answer, documented=self._documented)
        return answer

    values_of = Prover.values_of

    def recorded_values(self: Prover, policies: PolicySet | str, claim: str) -> Values | Undecided:
        values = values_of(self, policies, claim)
        attack.saw_values(
            policy_set_of(policies) if isinstance(policies, str) else policies,
            claim,
            values,
            documented=self._documented,
        )
        return values

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Prover, "search", recorded)
        patch.setattr(Prover, "values_of", recorded_values)
        yield attack
    if second_solver.SAID:
        print(f"cvc5 beside z3: {dict(second_solver.SAID)}")


@pytest.fixture(autouse=True)
def what_was_proved_survives_an_attack(attack: Attack) -> Iterator[None]:
    yield
    for asker, token in attack.failures():
        pytest.fail(f"{asker}: proved to be impossible, and yet: {token}")
