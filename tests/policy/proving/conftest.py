"""Random conditions over a token's real claims, and random tokens that the schema allows."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from policy import claim_types, schema
from policy.cel.rendering import render_constant
from policy.claim_types import Claim, ListOf, MapOf, Object, OneOf, Scalar, Type
from policy.proving.prover import Prover
from policy.proving.smt.tokens import SAMPLE
from tests.policy.seeds import chosen_seed

Token = dict[str, Any]
CONTAINER = "assertion.submods.container"
DIGEST = "sha256:" + "a" * 64


class Policies:
    """Random conditions and tokens, from one seed."""

    texts = (
        *("assertion.swname", "assertion.dbgstat", "assertion.hwmodel", "assertion.submods.gce.zone"),
        *(f"{CONTAINER}.image_reference", f"{CONTAINER}.image_digest", f"{CONTAINER}.env.A"),
        *(f"{CONTAINER}.env['B']", f"{CONTAINER}.env_override.X", "assertion.google_service_accounts[0]"),
        *("assertion.swversion[1]", "assertion.eat_nonce", "assertion.submods.nvidia_gpu.cc_mode"),
        *(f"{CONTAINER}.image_reference.extract('{{p}}/')", "google.subject", "attribute.a", "assertion.aud"),
    )
    lists = (
        *("assertion.submods.confidential_space.support_attributes", "assertion.google_service_accounts"),
        *(f"{CONTAINER}.args", f"{CONTAINER}.cmd_override", "assertion.eat_nonce", "assertion.swversion"),
    )
    maps = (f"{CONTAINER}.env", f"{CONTAINER}.env_override", "attribute")
    strings = (
        *("CONFIDENTIAL_SPACE", "GCE", "enabled", "disabled-since-boot", "STABLE", "LATEST", "EXPERIMENTAL"),
        *("a", "ab", "b", "", "x@y", "us-docker.pkg.dev/p", "us-", "A", "B", "1", "é", DIGEST),
    )
    patterns = (
        *("^a+$", "b", "^us-[a-z.]+", "a|b$", "^(a|ab)$", "[0-9]{2,3}", "^[^@]+@y$", r"\\.pkg\\.", "x.y"),
        *(r"\\bx", "(?i)A", "(", r"^\\w*$", "(a+)+$", "^$"),
    )
    present = (
        *("assertion.submods.container", f"{CONTAINER}.env.A", f"{CONTAINER}.env_override.X", "attribute.a"),
        *(
            "assertion.swname",
            "assertion.swname.x",
            "assertion.eat_nonce",
            "assertion.tdx",
            "assertion.nowhere",
        ),
        *(f"{CONTAINER}.cmd_override", "assertion.submods.confidential_space.support_attributes"),
    )

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)

    def constant(self) -> str:
        return render_constant(self.pick.choice(self.strings))

    def text(self, depth: int, names: tuple[str, ...]) -> str:
        chance = self.pick.random()
        if names and chance < 0.5:
            return self.pick.choice(names)
        if chance < 0.7:
            return self.pick.choice(self.texts)
        if chance < 0.96 or depth <= 0:
            return self.constant()
        return f"({self.text(depth - 1, names)} + {self.text(depth - 1, names)})"

    def number(self) -> str:
        pick = self.pick
        return pick.choice(
            (
                *(
                    "assertion.iat",
                    "assertion.exp",
                    "assertion.oemid",
                    "1",
                    "2.5",
                    "11129",
                    "0u",
                    "size('ab')",
                ),
                *(
                    f"size({each})"
                    for each in (pick.choice(self.lists), pick.choice(self.maps), self.texts[0])
                ),
            )
        )

    def many(self) -> str:
        return self.pick.choice((*self.lists, *self.lists, *self.maps, "['a', 'ab']", "['STABLE', 'x@y']"))

    def condition(self, depth: int = 3, names: tuple[str, ...] = ()) -> str:
        pick = self.pick

        def below() -> str:
            return self.condition(depth - 1, names)

        if depth > 0 and pick.random() < 0.45:
            return pick.choice(
                (
                    lambda: f"({below()} && {below()})",
                    lambda: f"({below()} && {below()})",
                    lambda: f"({below()} || {below()})",
                    lambda: f"!({below()})",
                    lambda: f"({below()} ? {below()} : {below()})",
                )
            )()
        if depth > 0 and pick.random() < 0.3:
            name = f"v{depth}"
            macro = pick.choice(("exists", "all", "exists", "all", "exists_one"))
            return f"{self.many()}.{macro}({name}, {self.condition(depth - 1, (*names, name))})"
        return self.simple(depth, names)

    def simple(self, depth: int, names: tuple[str, ...]) -> str:
        pick = self.pick

        def text() -> str:
            return self.text(depth, names)

        def constants(most: int) -> str:
            return f"[{', '.join(self.constant() for _ in range(pick.randrange(most)))}]"

        choices: tuple[Callable[[], str], ...] = (
            lambda: f"{text()} == {self.text(0, names)}",
            lambda: f"{text()} != {self.constant()}",
            lambda: f"{text()} {pick.choice(('<', '<=', '>', '>='))} {self.constant()}",
            lambda: f"{text()} in {self.many()}",
            lambda: f"{text()} in {constants(4)}",
            lambda: f"{text()}.{pick.choice(('startsWith', 'endsWith', 'contains'))}({self.constant()})",
            lambda: f'{text()}.matches("{pick.choice(self.patterns)}")',
            lambda: f"has({pick.choice(self.present)})",
            lambda: (
                f"size({pick.choice((*self.lists, *self.maps, *self.texts[:5]))})"
                f" {pick.choice(('==', '<', '>=', '>'))} {pick.randrange(4)}"
            ),
            lambda: f"{pick.choice(self.lists)} == {constants(3)}",
            lambda: f"{pick.choice(self.lists)}.filter(w, {self.condition(0, ('w',))}).size() == 1",
            lambda: f"{pick.choice(self.lists)}.map(w, w + 'x') == {constants(3)}",
            lambda: f"{pick.choice(self.maps)} == {{'A': {self.constant()}}}",
            lambda: f"{pick.choice(self.lists)}[{pick.randrange(3)}] == {self.constant()}",
            lambda: f"{self.number()} {pick.choice(('==', '!=', '<', '<=', '>'))} {self.number()}",
            lambda: f"assertion.iat + {pick.randrange(3)} {pick.choice(('==', '<'))} {self.number()}",
            lambda: pick.choice(
                ("assertion.secboot", "!assertion.secboot", "assertion.secboot == true", "'a'")
            ),
            lambda: f"{CONTAINER}.image_signatures.exists(i, i.key_id == {self.constant()})",
            lambda: f"{pick.choice(self.lists)} == null",
            lambda: f"type({text()}) == string",
        )
        return pick.choice(choices)()

    def token(self) -> Token:
        """A token of the schema's types; much of it is as in the sample."""
        token = self.value(schema.ASSERTION, None, SAMPLE)
        assert isinstance(token, dict)
        return token

    def roots(self) -> tuple[Token, Token]:
        """`google` and `attribute`."""
        google = self.value(schema.GOOGLE, None, {})
        return google, self.value(MapOf(claim_types.STRING), None, {})

    def value(self, type_: Type, claim: Claim | None, near: Any) -> Any:
        pick = self.pick
        if near is not None and not isinstance(near, Mapping) and pick.random() < 0.3:
            return copy.deepcopy(near)
        match type_:
            case Scalar(kind="string"):
                if claim is not None and claim.values:
                    return pick.choice(claim.values)
                if claim is not None and claim.pattern:
                    plain = pick.choice("0123456789")
                    return (
                        f"sha256:{plain * 64}" if "sha256" in claim.pattern else plain * pick.randint(1, 20)
                    )
                return pick.choice(self.strings)
            case Scalar():
                return {"bool": pick.random() < 0.5, "int": pick.choice((0, 1, 2, 11129)), "null": None}[
                    type_.kind
                ]
            case ListOf():
                return [
                    self.value(type_.element, claim, None) for _ in range(pick.choice((0, 1, 1, 2, 3, 7)))
                ]
            case MapOf():
                keys = pick.sample(("A", "B", "X", "a", "ab", ""), pick.randrange(4))
                return {key: self.value(type_.value, None, None) for key in keys}
            case OneOf():
                return self.value(pick.choice(type_.types), claim, near)
            case Object():
                there = near if isinstance(near, Mapping) else {}
                return {
                    name: self.value(each.type, each, there.get(name))
                    for name, each in type_.fields.items()
                    if each.required or pick.random() < 0.7
                }


@pytest.fixture(scope="session")
def policies() -> Policies:
    return Policies(chosen_seed())


@pytest.fixture(scope="session")
def prover() -> Iterator[Prover]:
    with Prover() as prover:
        yield prover
