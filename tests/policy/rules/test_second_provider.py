"""The rule second-provider."""

from __future__ import annotations

from typing import Any

STRICT = 'assertion.submods.container.image_digest == "sha256:' + "a" * 64 + '" && assertion.secboot == true'
LOOSE = 'assertion.submods.container.image_digest == "sha256:' + "a" * 64 + '"'


def test_a_looser_provider_of_the_pool_adds_what_it_admits(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(STRICT), provider(LOOSE, name="test"))) == [
        {
            "rule": "second-provider",
            "severity": "critical",
            "message": "it admits what no other provider of its pool does",
            "hint": "give each policy a pool of its own",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/test",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {"secboot": False, "submods.container.image_digest": "sha256:" + "a" * 64},
            "decided": True,
            "waived": None,
        }
    ]


def test_another_issuers_tokens_are_admitted_too(findings: Any, read: Any, provider: Any) -> None:
    assert findings(
        read(
            provider(STRICT),
            provider(
                STRICT, name="github", oidc={"issuerUri": "https://token.actions.githubusercontent.com"}
            ),
        )
    ) == [
        {
            "rule": "second-provider",
            "severity": "critical",
            "message": "tokens of `https://token.actions.githubusercontent.com` are admitted too",
            "hint": "give each policy a pool of its own",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/github",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_other_credentials_are_admitted_too(findings: Any, read: Any, provider: Any) -> None:
    assert findings(
        read(
            provider(STRICT),
            {
                "name": "projects/1/locations/global/workloadIdentityPools/primus/providers/aws",
                "aws": {"accountId": "1"},
            },
        )
    ) == [
        {
            "rule": "second-provider",
            "severity": "critical",
            "message": "`projects/1/locations/global/workloadIdentityPools/primus/providers/aws` "
            "admits other credentials to the same pool",
            "hint": "give each policy a pool of its own",
            "provider": "projects/1/locations/global/workloadIdentityPools/primus/providers/workload",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_a_provider_that_adds_nothing_does_no_harm(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(STRICT), provider(STRICT, name="test"))) == []


def test_one_that_is_disabled_does_no_harm(findings: Any, read: Any, provider: Any) -> None:
    assert findings(read(provider(STRICT), provider(LOOSE, name="test", disabled=True))) == []
