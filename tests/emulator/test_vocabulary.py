"""One list: what the emulator mints, and what the rules and the questions ask for, is in policy/schema.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest

from attestation.tokens import parse_token
from emulator.compute.catalogue import TECHNOLOGIES
from emulator.state import State
from emulator.verifier import Verifier
from policy import schema
from policy.cel.check import check
from policy.cel.parser import parse
from policy.context import Context, Dossier
from policy.launch_claims import HardwareModel
from policy.launch_spec import _RESTART_POLICIES
from policy.linting import rules
from policy.policy_set import policy_set_of
from policy.proving.named_questions import named_condition
from policy.proving.question_names import NAMED_QUESTIONS
from policy.proving.smt.facts import FACTS
from tests.launches import FACTS as LAUNCH
from tests.policy.rules.conftest import TODAY

FACTS_OF_A_LAUNCH = replace(LAUNCH, cmd_override=("python",), env_override={"TOP_K": "5"})
MINTED_BY_US_ALONE = "symbolon_emulator"


def strings_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The leaves of a token, each with its path."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from strings_in(each, (*path, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from strings_in(each, (*path, place))
    else:
        yield path, value


@pytest.mark.parametrize(
    ("hardware", "debug", "restart_policy"),
    list(product(get_args(HardwareModel), (True, False), _RESTART_POLICIES)),
)
def test_every_claim_and_value_that_the_emulator_mints_is_in_the_schema(
    state: State, hardware: Any, debug: bool, restart_policy: str
) -> None:
    launch = replace(
        FACTS_OF_A_LAUNCH, hardware=hardware, debug=debug, restart_policy=restart_policy, gpu=not debug
    )
    for nonces in ((), ("0123456789",), ("0123456789", "9876543210")):
        token = dict(parse_token(Verifier(state).mint(launch, nonces=nonces)).claims)
        assert token.pop(MINTED_BY_US_ALONE) is True
        for path, value in strings_in(token):
            # a list that is one of two shapes has no path of its own
            claim = schema.claim_at("assertion", path) or schema.claim_at("assertion", path[:1])
            assert claim is not None, path
            assert not claim.values or value in claim.values, path
            assert not claim.pattern or re.fullmatch(claim.pattern, str(value)), path


def test_every_machine_that_the_emulator_has_is_in_the_schema() -> None:
    known = schema.ASSERTION.fields["hwmodel"].values
    made = {technology.hardware for technology in TECHNOLOGIES.values()}
    assert {*get_args(HardwareModel), *made} <= set(known)
    assert {*schema.ENCRYPTED_MEMORY, *schema.UNDOCUMENTED_ENCRYPTED_MEMORY} <= set(known)
    assert "GCP_AMD_SEV_SNP" in made  # the one that no document names


def test_the_restart_policies_are_one_list() -> None:
    claim = schema.claim_at("assertion", ("submods", "container", "restart_policy"))
    assert claim is not None
    assert set(_RESTART_POLICIES) == set(claim.values)


def asked_by_rules() -> Iterator[tuple[str, str]]:
    policies = policy_set_of('assertion.submods.container.image_digest == "sha256:' + "a" * 64 + '"')
    dossier = Dossier(policies, policies.providers[0], None)
    for rule in rules():
        for asked in rule.asks(Context(dossier, rule.slug, rule.severity, TODAY)):
            yield rule.slug, str(asked)
    for name in NAMED_QUESTIONS:
        yield name, named_condition(policies, name)
    for fact in FACTS:
        yield fact.label, fact.condition


@pytest.mark.parametrize(("name", "condition"), [*asked_by_rules()])
def test_what_is_asked_of_tokens_is_in_the_words_of_the_schema(name: str, condition: str) -> None:
    assert [each.message for each in check(parse(condition, most_characters=65536))] == [], name
