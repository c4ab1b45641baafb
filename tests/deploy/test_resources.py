"""Who is given what, and what the owner's provider is."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from attestation.issuer import ISSUER
from deploy.resources import Project, operator_of
from policy.provider import parse_provider
from tests.deploy.resources_there import ASKING, OWNER, PROVIDER

NAME = "projects/100/locations/global/workloadIdentityPools/primus-wip/providers/primus-wip-provider"


def test_an_image_is_admitted_by_its_digest_and_not_with_the_whole_pool() -> None:
    (grant,) = OWNER.admissions(["sha256:" + "0" * 64])  # type: ignore[list-item]
    assert grant.member == (
        "principalSet://iam.googleapis.com/projects/100/locations/global/workloadIdentityPools/primus-wip"
        "/attribute.image_digest/sha256:" + "0" * 64
    )


def test_an_operator_s_account_reads_inputs_and_writes_results() -> None:
    operator = operator_of(Project(project_id="secundus", number="200"))
    grants = {(getattr(r, "on", None), getattr(r, "role", None)) for r in operator.foundation()}
    assert {
        (operator.input_bucket, "roles/storage.objectViewer"),
        (operator.result_bucket, "roles/storage.objectUser"),
    } <= grants
    assert (operator.input_bucket, "roles/storage.objectUser") not in grants


def test_a_provider_is_the_one_that_google_s_description_of_it_reads_as() -> None:
    assert parse_provider({**ASKING, "name": NAME}) == PROVIDER
    assert PROVIDER.issuer == ISSUER


def test_a_token_is_asked_for_with_the_provider_s_own_name() -> None:
    assert OWNER.audience == f"//iam.googleapis.com/{NAME}"
    assert PROVIDER.audiences == (OWNER.audience, f"https:{OWNER.audience}")


@pytest.mark.parametrize(
    ("mapping", "condition", "audiences"),
    [
        pytest.param({"google.subject": "assertion.sub"}, "a ==", (), id="a condition that does not compile"),
        pytest.param({"attribute.a": "'a'"}, "true", (), id="a mapping without a subject"),
        pytest.param({"google.subject": "assertion.sub"}, "true", ("",), id="an empty audience"),
    ],
)
def test_a_question_that_google_would_not_accept_is_refused_before_it_is_asked(
    mapping: dict[str, str], condition: str, audiences: tuple[str, ...]
) -> None:
    with pytest.raises(Misconfigured):
        OWNER.provider(mapping=mapping, condition=condition, allowed_audiences=audiences)
