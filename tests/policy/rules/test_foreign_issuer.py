"""The rule foreign-issuer."""

from __future__ import annotations

from typing import Any

import pytest

from policy.linting import lint
from policy.proving.prover import Prover
from tests.policy.rules.conftest import TODAY

CONDITION = "assertion.secboot == true"


def test_another_issuer_says_nothing_of_machines(findings: Any, read: Any, provider: Any) -> None:
    assert findings(
        read(provider(CONDITION, oidc={"issuerUri": "https://token.actions.githubusercontent.com"}))
    ) == [
        {
            "rule": "foreign-issuer",
            "severity": "high",
            "message": "the issuer is GitHub Actions (`https://token.actions.githubusercontent.com`), and"
            " what its tokens hold is not known here",
            "hint": "this project knows the tokens of `https://confidentialcomputing.googleapis.com`",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_the_verifier_is_the_issuer(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(CONDITION))) == []


@pytest.mark.parametrize(
    ("issuer", "name"),
    [
        ("https://portal.trustauthority.intel.com", "Intel Trust Authority"),
        ("https://portal.eu.trustauthority.intel.com/", "Intel Trust Authority (EU)"),
    ],
)
def test_intels_is_documented_for_confidential_space(
    findings: Any, read: Any, provider: Any, issuer: str, name: str
) -> None:
    (found,) = findings(read(provider(CONDITION, oidc={"issuerUri": issuer})))
    assert not found["decided"]
    assert found["message"] == (
        f"the issuer is {name} (`{issuer}`): Google documents it for Confidential Space on Intel TDX: its"
        " claims are Intel's, and are not known here"
    )


def test_an_issuer_that_is_not_known_has_no_name(findings: Any, read: Any, provider: Any) -> None:
    (found,) = findings(read(provider(CONDITION, oidc={"issuerUri": "https://issuer.example"})))
    assert found["message"] == (
        "the issuer is `https://issuer.example`, and what its tokens hold is not known here"
    )


@pytest.mark.parametrize(
    "issuer",
    [
        "https://token.actions.githubusercontent.com",
        "https://gitlab.com",
        "https://app.terraform.io",
        "https://portal.trustauthority.intel.com",
        "https://issuer.example",
    ],
)
@pytest.mark.parametrize(
    "condition",
    [
        "assertion.repository_owner == 'octo-org' && attribute.repository.startsWith('octo-org/')",
        "assertion.swname == 'CONFIDENTIAL_SPACE' && assertion.hwmodel == 'NO_SUCH_THING'",
        "assertion.dbgstat == 1 && 'x' in assertion.iss && has(assertion.submods.gce.zones)",
        "assertion.eat_nonce == 'n' && assertion.secboot == 'true' && assertion.submods == assertion.iat",
        "assertion.aud != 'x' || size(assertion.submods.container.cmd_override) == 0",
    ],
)
def test_no_rule_speaks_of_the_claims_of_another_issuer(
    prover: Prover, read: Any, provider: Any, issuer: str, condition: str
) -> None:
    mapping = {
        "google.subject": "assertion.user",
        "attribute.repository": "assertion.repository",
    }
    policies = read(provider(condition, oidc={"issuerUri": issuer}, attributeMapping=mapping))
    found = lint(policies, prover, today=TODAY)
    assert [each.rule for each in found] == ["foreign-issuer"]


def test_what_cel_itself_says_is_said_of_every_issuer(prover: Prover, read: Any, provider: Any) -> None:
    policies = read(
        provider(
            "'assertion.ref == 1' && assertion.ref.matches('[') && 'a' == 1 && 'a' in 'ab'",
            oidc={"issuerUri": "https://gitlab.com"},
            attributeMapping={"google.subject": "'assertion.sub'"},
        )
    )
    found = {each.rule for each in lint(policies, prover, today=TODAY)}
    assert found >= {"wrong-type", "in-on-a-string", "invalid-pattern", "quoted-mapping", "quoted-comparison"}
