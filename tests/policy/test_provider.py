"""The provider JSON that Google prints and takes."""

from __future__ import annotations

from typing import Any

import pytest

from attestation.errors import Misconfigured
from attestation.issuer import ISSUER
from policy.provider import Provider, lacks_a_claim, parse_provider

NAME = "projects/123/locations/global/workloadIdentityPools/primus-wip/providers/primus-provider"


def document(**changes: Any) -> dict[str, Any]:
    whole = {
        "name": NAME,
        "displayName": "for Secundus",
        "state": "ACTIVE",
        "attributeMapping": {"google.subject": "assertion.sub"},
        "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'",
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com", "allowedAudiences": ["a"]},
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def oidc(**changes: Any) -> dict[str, Any]:
    return {"oidc": document()["oidc"] | changes}


def test_a_provider_as_gcloud_prints_it_is_read() -> None:
    provider = parse_provider(document())
    assert isinstance(provider, Provider)
    assert (provider.name, provider.issuer) == (NAME, "https://confidentialcomputing.googleapis.com")
    assert provider.audiences == provider.allowed_audiences == ("a",)
    assert provider.condition == "assertion.swname == 'CONFIDENTIAL_SPACE'"
    assert provider.mapping.apply({"sub": "s"}).google == {"subject": "s"}
    assert (provider.disabled, provider.jwks) == (False, None)


def test_the_verifiers_issuer_is_one_with_or_without_its_closing_slash() -> None:
    verifier = "https://confidentialcomputing.googleapis.com"
    assert parse_provider(document(**oidc(issuerUri=f"{verifier}/"))).issuer == verifier
    assert (
        parse_provider(document(**oidc(issuerUri="https://issuer.example/"))).issuer
        == "https://issuer.example/"
    )


def test_without_allowed_audiences_the_resource_name_is_the_audience() -> None:
    expected = (f"//iam.googleapis.com/{NAME}", f"https://iam.googleapis.com/{NAME}")
    assert parse_provider(document(**oidc(allowedAudiences=[]))).audiences == expected
    assert parse_provider(document(oidc={"issuerUri": "https://issuer.example"})).audiences == expected


def test_a_provider_without_a_condition_has_an_empty_one() -> None:
    assert parse_provider(document(attributeCondition=None)).condition == ""


def test_disabled_and_deleted_providers_are_disabled() -> None:
    assert parse_provider(document(disabled=True)).disabled
    assert parse_provider(document(state="DELETED")).disabled
    assert not parse_provider(document(disabled=False)).disabled


def test_uploaded_keys_are_read() -> None:
    assert parse_provider(document(**oidc(jwksJson='{"keys": []}'))).jwks == {"keys": []}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "the provider's `name` must be a string"),
        ({"name": "primus-provider"}, "`primus-provider` is not a provider's resource name"),
        ({"name": NAME + "\n"}, f"`{NAME[:80]}…` is not a provider's resource name"),
        ({"oidc": None}, "the provider has no `oidc` section"),
        ({"aws": {"accountId": "1"}}, "the provider takes `aws` credentials, not OIDC tokens"),
        ({"saml": {}}, "the provider takes `saml` credentials, not OIDC tokens"),
        ({"x509": {}}, "the provider takes `x509` credentials, not OIDC tokens"),
        ({"attributeMapping": None}, "the provider has no `attributeMapping`"),
        ({"attributeMapping": {}}, "the attribute mapping has no `google.subject`"),
        ({"attributeCondition": 1}, "the provider's `attributeCondition` must be a string"),
        (
            {"attributeCondition": "assertion.a ="},
            "line 1, column 13: unexpected character `=`",
        ),
        (
            {"attributeCondition": "true" + " " * 4093},
            "line 1, column 4097: 4,097 characters, Google's limit is 4,096",
        ),
        ({"disabled": "no"}, "`disabled` must be true or false"),
        (oidc(issuerUri=None), "the provider's `issuerUri` must be a string"),
        (oidc(issuerUri="http://i.example"), "the issuer `http://i.example` is not an `https://` URL"),
        (
            oidc(allowedAudiences="a"),
            "the allowed audiences must be a list of strings that are not empty",
        ),
        (oidc(allowedAudiences=[""]), "the allowed audiences must be a list of strings that are not empty"),
        (oidc(allowedAudiences=["a"] * 11), "11 allowed audiences, Google's limit is 10"),
        (
            oidc(allowedAudiences=["a" * 257]),
            f"the audience `{'a' * 80}…` has 257 characters, Google's limit is 256",
        ),
        (oidc(jwksJson="{"), "the provider's `jwksJson` is not a JSON Web Key Set"),
        (oidc(jwksJson="[" * 100_000), "the provider's `jwksJson` is not a JSON Web Key Set"),
        (oidc(jwksJson='{"keys": 1}'), "the provider's `jwksJson` is not a JSON Web Key Set"),
    ],
)
def test_what_is_no_provider_for_attestation_tokens_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        parse_provider(document(**changes))
    assert refusal.value.message == message


def test_as_many_and_as_long_audiences_as_google_allows_are_taken() -> None:
    most = [f"{number}".rjust(256, "a") for number in range(10)]
    assert parse_provider(document(**oidc(allowedAudiences=most))).audiences == tuple(most)


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(Misconfigured, match="a provider is a JSON object"):
        parse_provider(["not", "an", "object"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("condition", "lacks"),
    [
        ("", True),
        ("true", True),
        ("['a'].exists(each, each == 'a')", True),
        ("assertion.repository_owner == 'octo-org'", False),
        ("attribute.repository.startsWith('octo-org/')", False),
        ("has(assertion.ref) || true", False),
    ],
)
def test_a_provider_of_an_issuer_for_everybody_needs_a_claim_in_its_condition(
    condition: str, lacks: bool
) -> None:
    assert lacks_a_claim("https://token.actions.githubusercontent.com", condition) is lacks
    assert lacks_a_claim("https://token.actions.githubusercontent.com/", condition) is lacks
    assert lacks_a_claim(ISSUER, condition) is False
    assert lacks_a_claim("https://issuer.example", condition) is False
