"""A provider in gcloud's words: what is said, what is left out, and what a shell and gcloud make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policy.gcloud import FIELDS, gcloud_list, provider_command
from policy.mapping import AttributeMapping
from policy.provider import Provider

NAME = "projects/123456789012/locations/global/workloadIdentityPools/primus-wip/providers/primus-provider"
PROVIDER = Provider(
    name=NAME,
    issuer="https://confidentialcomputing.googleapis.com",
    allowed_audiences=(),
    mapping=AttributeMapping.parse({"google.subject": "assertion.sub"}),
    condition="assertion.swname == 'CONFIDENTIAL_SPACE'",
    disabled=False,
    jwks=None,
)


def test_a_provider_is_named_in_full_and_no_project_s_number_stands_in_a_flag() -> None:
    words = provider_command(PROVIDER)
    assert words[:6] == [*["gcloud", "iam", "workload-identity-pools", "providers", "create-oidc"], NAME]
    assert not [word for word in words if word.startswith(("--project", "--location", "--workload"))]
    assert not [word for word in words if word.startswith(("--allowed-audiences", "--description"))]


@pytest.mark.parametrize("field", FIELDS)
def test_an_update_names_the_fields_that_it_sets_and_no_other(field: str) -> None:
    flags = {
        "attributeMapping": {"--attribute-mapping"},
        "attributeCondition": {"--attribute-condition"},
        "oidc": {"--issuer-uri", "--allowed-audiences"},
    }
    words = provider_command(PROVIDER, "update-oidc", fields=[field])
    assert {word.partition("=")[0] for word in words[6:]} == flags[field]


def test_audiences_and_a_description_are_given_where_there_are_any() -> None:
    words = provider_command(replace(PROVIDER, allowed_audiences=("a", "b")), description="Ours, all of it")
    assert words[-2:] == ["--allowed-audiences=a,b", "--description=Ours, all of it"]


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["a", "b"], "a,b"),
        (["a,b", "c;d"], "^~^a,b~c;d"),
        (["^a^b"], "^;^^a^b"),
    ],
)
def test_a_list_is_joined_by_what_none_of_it_has(items: list[str], text: str) -> None:
    assert gcloud_list(items) == text
