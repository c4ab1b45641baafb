"""The rule no-claim-in-condition."""

from __future__ import annotations

from typing import Any

import pytest

GITHUB = {"issuerUri": "https://token.actions.githubusercontent.com"}


@pytest.mark.parametrize("condition", ["", "true"])
def test_google_makes_no_provider_for_everybody_whose_condition_reads_no_claim(
    findings: Any, read: Any, provider: Any, condition: str
) -> None:
    (found,) = findings(read(provider(condition, oidc=GITHUB)))
    assert found["severity"] == "critical"
    assert found["message"] == (
        "such a provider cannot be created, Google says `The attribute condition must reference one of the"
        " provider's claims.`; one that is older admits everybody whom GitHub Actions"
        " (`https://token.actions.githubusercontent.com`) signs for, or nobody"
    )


def test_a_condition_that_reads_a_claim_is_fine(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider("assertion.repository_owner == 'octo-org'", oidc=GITHUB))) == []


@pytest.mark.parametrize("issuer", ["https://confidentialcomputing.googleapis.com", "https://issuer.example"])
def test_of_another_issuer_it_is_not_known(findings: Any, read: Any, provider: Any, issuer: str) -> None:
    assert findings(read(provider("true", oidc={"issuerUri": issuer}))) == []
