"""Tokens of another issuer: decided by the texts alone, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from attestation.errors import Misconfigured
from attestation.issuer import ISSUER
from policy.policy_set import PolicySet, parse_policy_set
from policy.proving.answers import Found, Proved, Refuted, Undecided
from policy.proving.differing import diff
from policy.proving.generating_tests import generate
from policy.proving.prover import Prover

GITHUB = "https://token.actions.githubusercontent.com"
OWNER = "assertion.repository_owner == 'octo-org'"
REASON = f"what tokens of GitHub Actions (`{GITHUB}`) hold is not known here"
MAPPING = {"google.subject": "assertion.sub", "attribute.repository": "assertion.repository"}


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover() as prover:
        yield prover


def provider(condition: str, *, issuer: str = GITHUB, name: str = "theirs", **changed: Any) -> dict[str, Any]:
    return {
        "name": f"projects/1/locations/global/workloadIdentityPools/primus/providers/{name}",
        "attributeMapping": MAPPING,
        "attributeCondition": condition,
        "oidc": {"issuerUri": issuer},
        **changed,
    }


def policies(*providers: dict[str, Any]) -> PolicySet:
    return parse_policy_set(json.dumps(list(providers)), name="providers.json")


@pytest.mark.parametrize(
    "that",
    [
        "assertion.repository == 'octo-org/a'",
        "assertion.dbgstat == 'disabled-since-boot'",
        "assertion.oemid == 11129",
    ],
)
def test_nothing_is_proved_of_claims_that_are_not_known(prover: Prover, that: str) -> None:
    assert prover.prove(policies(provider(OWNER)), that) == Undecided(reason=REASON)


def test_what_the_condition_itself_asks_is_proved_without_an_assumption(prover: Prover) -> None:
    condition = f"{OWNER} && assertion.ref == 'refs/heads/main'"
    assert prover.prove(policies(provider(condition)), OWNER) == Proved()
    assert prover.prove(policies(provider(condition)), condition) == Proved()


@pytest.mark.parametrize("name", ["satisfiable", "never-errors", "production-image", "encrypted-memory"])
def test_no_named_question_is_answered(prover: Prover, name: str) -> None:
    assert prover.prove_named(policies(provider("assertion.hwmodel == 'X'")), name) == Undecided(
        reason=REASON
    )


def test_values_and_scripts_are_of_our_issuer_alone(prover: Prover) -> None:
    asked = policies(provider(OWNER))
    assert prover.values_of(asked, "repository_owner") == Undecided(reason=REASON)
    with pytest.raises(Misconfigured) as refusal:
        prover.to_smt2(asked, "true")
    assert refusal.value.message == REASON
    (failing,) = generate(asked, prover).failing
    assert (failing.token, failing.redundant, failing.reason) == (None, False, REASON)


def test_a_token_of_our_issuer_refutes_whatever_the_other_admits(prover: Prover) -> None:
    ours = provider("assertion.swname == 'CONFIDENTIAL_SPACE'", issuer=ISSUER, name="ours")
    both = policies(ours, provider(OWNER))
    assert isinstance(prover.prove(both, "assertion.dbgstat == 'disabled-since-boot'"), Refuted)
    assert prover.prove(both, "assertion.swname == 'CONFIDENTIAL_SPACE'") == Undecided(reason=REASON)
    assert isinstance(prover.find_admitted(both), Found)


def test_equal_texts_are_equivalent(prover: Prover) -> None:
    difference = diff(policies(provider(OWNER)), policies(provider(OWNER)), prover)
    assert (difference.verdict, difference.assumptions) == ("equivalent", ())


@pytest.mark.parametrize(
    "changed",
    [
        provider("assertion.repository_owner == 'octo-orgs'"),
        provider(f"{OWNER} || false"),
        provider(OWNER, attributeMapping={"google.subject": "assertion.sub"}),
        provider(OWNER, issuer="https://gitlab.com"),
        provider(OWNER, oidc={"issuerUri": GITHUB, "allowedAudiences": ["https://other.example"]}),
        provider(OWNER, oidc={"issuerUri": GITHUB, "jwksJson": '{"keys": []}'}),
        provider(OWNER, name="other"),
        provider(""),
    ],
)
def test_any_change_may_admit_somebody(prover: Prover, changed: dict[str, Any]) -> None:
    difference = diff(policies(provider(OWNER)), policies(changed), prover)
    assert difference.verdict == "undecided"
    assert difference.grants_access


def test_whoever_asks_one_thing_more_admits_nobody_anew(prover: Prover) -> None:
    before, after = policies(provider(OWNER)), policies(provider(f"{OWNER} && assertion.ref == 'a'"))
    assert not isinstance(prover.find_newly_admitted(before, after), Undecided | Found)
    assert prover.find_newly_admitted(after, before) == Undecided(reason=REASON)


def test_a_token_of_one_issuer_is_none_of_another(prover: Prover) -> None:
    ours = provider("assertion.secboot == true", issuer=ISSUER, name="ours")
    found = prover.find_newly_admitted(policies(provider("")), policies(provider(""), ours))
    assert isinstance(found, Found)


PINNED = 'assertion.dbgstat == "disabled-since-boot"'


def ours(**changed: Any) -> PolicySet:
    return policies(provider(PINNED, issuer=ISSUER, name="ours", **changed))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"x" + assertion.sub', '"x"', id="a long subject is refused by the old one alone"),
        pytest.param('"x"', '"x" + assertion.sub', id="and by the new one alone"),
    ],
)
def test_what_is_mapped_otherwise_is_not_called_equivalent(prover: Prover, old: str, new: str) -> None:
    before, after = (ours(attributeMapping={"google.subject": each}) for each in (old, new))
    difference = diff(before, after, prover)
    assert difference.verdict == "undecided"
    assert "the attribute mappings differ" in difference.reason


def test_an_attribute_that_nobody_reads_and_nobody_knows_is_not_called_equivalent(prover: Prover) -> None:
    unknown = ours(attributeMapping={**MAPPING, "attribute.y": "assertion.sub.upperAscii()"})
    assert diff(unknown, ours(), prover).verdict == "undecided"
    assert diff(ours(), unknown, prover).verdict == "undecided"


def test_another_audience_is_not_called_equivalent(prover: Prover) -> None:
    before, after = (
        ours(oidc={"issuerUri": ISSUER, "allowedAudiences": each})
        for each in (["https://sts.googleapis.com"], ["https://sts.googleapis.com", "https://evil.example"])
    )
    difference = diff(before, after, prover)
    assert (difference.verdict, difference.grants_access) == ("undecided", True)
    assert "`https://evil.example`" in difference.reason
    assert diff(before, before, prover).verdict == "equivalent"


def test_where_keys_are_given_by_hand_nothing_of_the_issuer_is_a_fact(prover: Prover) -> None:
    by_hand = ours(oidc={"issuerUri": ISSUER, "jwksJson": '{"keys": []}'})
    answer = prover.prove(by_hand, 'assertion.hwmodel != "x"')
    assert isinstance(answer, Undecided) and "given by hand" in answer.reason
    assert diff(ours(), by_hand, prover).verdict == "undecided"
