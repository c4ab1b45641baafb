"""Tokens made to break a proof are outside what a solver looks at, and the same ones every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from policy.policy_set import policy_set_of
from policy.proving.hostile_tokens import hostile_tokens
from policy.proving.smt.admission import admissions_of
from policy.proving.smt.tokens import SAMPLE

ACCOUNTS = "assertion.google_service_accounts"
OVERRIDES = "assertion.submods.container.env_override"


def tokens(condition: str, count: int = 300, seed: int = 1) -> list[dict[str, Any]]:
    trees = [tree for each in admissions_of(policy_set_of(condition)) for tree in each.trees]
    return list(hostile_tokens(trees, near=[SAMPLE], seed=seed, count=count))


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield key
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def test_the_same_arguments_give_the_same_tokens() -> None:
    assert tokens("assertion.secboot") == tokens("assertion.secboot")
    assert tokens("assertion.secboot") != tokens("assertion.secboot", seed=2)


def test_the_sample_is_left_as_it_is() -> None:
    before = repr(SAMPLE)
    tokens(f'"a@x" in {ACCOUNTS}')
    assert repr(SAMPLE) == before


def test_a_long_list_ends_with_a_constant_of_the_policy() -> None:
    made = [each.get("google_service_accounts") for each in tokens(f'!("evil@x" in {ACCOUNTS})')]
    assert any(isinstance(each, list) and len(each) >= 8 and each[-1] == "evil@x" for each in made)


def test_a_long_map_has_a_constant_of_the_policy_among_its_keys() -> None:
    made = [each["submods"] for each in tokens(f'{OVERRIDES}.all(k, k != "LD_PRELOAD")')]
    inner = [each.get("container") for each in made if isinstance(each, dict)]
    maps = [each.get("env_override") for each in inner if isinstance(each, dict)]
    assert any(isinstance(each, dict) and len(each) >= 8 and "LD_PRELOAD" in each for each in maps)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ('assertion.hwmodel == "GCP_AMD_SEV"', "SOMETHING_NEW"),
        ('assertion.hwmodel == "GCP_AMD_SEV"', "\U00030000"),
        ("assertion.iat < 9007199254740992.0", 2**53 + 1),
        ("assertion.iat < 77", 78),
        ("assertion.secboot", "a"),
    ],
)
def test_what_a_solver_does_not_look_at_is_among_them(condition: str, wanted: object) -> None:
    assert wanted in [each for token in tokens(condition) for each in leaves(token)]


def test_a_claim_that_the_policy_reads_may_be_absent() -> None:
    assert any("secboot" not in each for each in tokens("assertion.secboot")) or any(
        "monitoring_enabled" not in each["submods"].get("confidential_space", {})
        for each in tokens("assertion.submods.confidential_space.monitoring_enabled.memory")
        if isinstance(each.get("submods"), dict)
    )
