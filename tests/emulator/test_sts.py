"""The exchange: the owner's condition decides, in STS's words, and the audit log says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from emulator.verifier import Verifier
from tests.launches import DIGEST, FACTS

_POOL = "projects/100000000001/locations/global/workloadIdentityPools/pool"
_NAME = f"{_POOL}/providers/prov"
_AUDIENCE = f"//iam.googleapis.com/{_NAME}"
_URL = "https://sts.googleapis.com/v1/token"
_FACTS = replace(FACTS, instance_name="vm", instance_id="7")
_FORM = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "audience": _AUDIENCE,
    "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "scope": "https://www.googleapis.com/auth/cloud-platform",
}
_REJECTED = {
    "error": "unauthorized_client",
    "error_description": "The given credential is rejected by the attribute condition.",
}
_NO_PROVIDER = {
    "error": "invalid_target",
    "error_description": 'The target service indicated by the "audience" parameters is invalid. This might '
    "either be because the pool or provider is disabled or deleted or because it doesn't exist.",
}

Exchange = Callable[..., Any]


@pytest.fixture
def provider(platform: Any) -> Any:
    """What changes the provider; it is made on the way, admitting one image on production VMs."""
    root = "https://iam.googleapis.com/v1/projects/primus/locations/global/workloadIdentityPools"
    platform.call("POST", f"{root}?workloadIdentityPoolId=pool", {})
    body = {
        "attributeMapping": {
            "google.subject": '"gcpcs::" + assertion.submods.container.image_digest',
            "attribute.image_digest": "assertion.submods.container.image_digest",
        },
        "attributeCondition": f'assertion.submods.container.image_digest == "{DIGEST}" '
        '&& assertion.dbgstat == "disabled-since-boot"',
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    made = platform.call("POST", f"{root}/pool/providers?workloadIdentityPoolProviderId=prov", body)
    assert made.status == 200

    def change(**changes: Any) -> None:
        url = f"{root}/pool/providers/prov?updateMask={','.join(changes)}"
        assert platform.call("PATCH", url, changes).status == 200

    return change


@pytest.fixture
def exchange(platform: Any, provider: Any, ask: Callable[..., Any]) -> Exchange:
    """Exchanges a token, the right one unless told otherwise."""

    def exchange(token: str | None = None, **form: str) -> Any:
        subject = token or platform.verifier.mint(_FACTS, audience=f"https:{_AUDIENCE}")
        fields = {**_FORM, "subject_token": subject, **form}
        return ask(
            platform.app,
            "POST",
            _URL,
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(fields).encode(),
        )

    return exchange


def _claims_of(access_token: str) -> Any:
    text = access_token.removeprefix("ya29.symbolon-emulator.")
    return jwt.decode(text, options={"verify_signature": False})


def test_an_admitted_token_becomes_a_federated_one(exchange: Exchange) -> None:
    answer = exchange()
    assert answer.status == 200
    body = answer.json
    access_token = body.pop("access_token")
    assert body == {
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 3599,
    }
    assert _claims_of(access_token)["members"] == [
        f"principal://iam.googleapis.com/{_POOL}/subject/gcpcs::{DIGEST}",
        f"principalSet://iam.googleapis.com/{_POOL}/*",
        f"principalSet://iam.googleapis.com/{_POOL}/attribute.image_digest/{DIGEST}",
    ]


def test_the_same_can_be_asked_for_in_json(platform: Any, provider: Any, ask: Callable[..., Any]) -> None:
    body = {
        "grantType": _FORM["grant_type"],
        "audience": _AUDIENCE,
        "subjectTokenType": _FORM["subject_token_type"],
        "subjectToken": platform.verifier.mint(_FACTS, audience=_AUDIENCE),
    }
    answer = ask(
        platform.app,
        "POST",
        _URL,
        headers={"content-type": "application/json"},
        body=json.dumps(body).encode(),
    )
    assert answer.status == 200


def test_a_token_that_the_condition_does_not_admit_is_refused_and_the_log_says_why(
    platform: Any, exchange: Exchange
) -> None:
    token = platform.verifier.mint(replace(_FACTS, debug=True), audience=f"https:{_AUDIENCE}")
    answer = exchange(token)
    assert (answer.status, answer.json) == (400, _REJECTED)
    entry = platform.state.audit.entries()[-1]
    assert (entry["serviceName"], entry["granted"]) == ("sts.googleapis.com", False)
    outcomes = [(clause["outcome"], clause["claims"]) for clause in entry["detail"]["clauses"]]
    assert outcomes == [
        ("true", {"submods.container.image_digest": DIGEST}),
        ("false", {"dbgstat": "enabled"}),
    ]
    assert token not in platform.state.audit.path.read_text()


def test_an_admission_is_in_the_log_too(platform: Any, exchange: Exchange) -> None:
    exchange()
    entry = platform.state.audit.entries()[-1]
    assert (entry["granted"], entry["resourceName"]) == (True, _NAME)
    assert entry["principal"].endswith(f"/subject/gcpcs::{DIGEST}")


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"attributeCondition": "'true'"}, _REJECTED),
        ({"attributeCondition": "assertion.absent == 1"}, _REJECTED),
        (
            {"attributeMapping": {"google.subject": "assertion.absent"}},
            {
                "error": "unauthorized_client",
                "error_description": "Could not obtain a value for google.subject from the given credential.",
            },
        ),
        ({"disabled": True}, _NO_PROVIDER),
        (
            {"oidc": {"issuerUri": "https://example.com"}},
            {
                "error": "invalid_grant",
                "error_description": "Error connecting to the given credential's issuer.",
            },
        ),
        (
            {
                "oidc": {
                    "issuerUri": "https://confidentialcomputing.googleapis.com",
                    "allowedAudiences": ["x"],
                }
            },
            {
                "error": "invalid_grant",
                "error_description": f"The audience in ID Token [https:{_AUDIENCE}] does not match the "
                "expected audience.",
            },
        ),
    ],
)
def test_what_the_provider_does_not_take_is_refused_in_sts_words(
    exchange: Exchange, provider: Any, change: dict[str, Any], body: dict[str, str]
) -> None:
    provider(**change)
    answer = exchange()
    assert (answer.status, answer.json) == (400, body)


def test_a_subject_over_127_bytes_is_refused(exchange: Exchange, provider: Any) -> None:
    provider(attributeMapping={"google.subject": "assertion.sub + assertion.sub"})
    answer = exchange()
    assert answer.json["error"] == "invalid_request"
    words = "The size of mapped attribute google.subject exceeds the 127 bytes limit."
    assert answer.json["error_description"].startswith(words)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"audience": f"https:{_AUDIENCE}"}, "invalid_request"),
        ({"audience": f"//iam.googleapis.com/{_POOL}"}, "invalid_request"),
        ({"requested_token_type": "urn:x"}, "invalid_request"),
        ({"subject_token_type": "urn:x"}, "invalid_request"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token": "no.jwt"}, "invalid_grant"),
        ({"audience": _AUDIENCE + "x"}, "invalid_target"),
        ({"audience": _AUDIENCE.replace("/pool/", "/loop/")}, "invalid_target"),
    ],
)
def test_a_request_that_is_not_right_is_refused(exchange: Exchange, form: dict[str, str], error: str) -> None:
    answer = exchange(**form)
    assert (answer.status, answer.json["error"]) == (400, error)


def test_the_audience_in_the_wrong_form_is_refused_in_sts_words(exchange: Exchange) -> None:
    answer = exchange(audience=f"https:{_AUDIENCE}")
    assert answer.json["error_description"] == (
        'Invalid value for "audience". This value should be the full resource name of the Identity Provider. '
        "See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible "
        "formats."
    )


def test_an_expired_token_is_stale(platform: Any, exchange: Exchange) -> None:
    token = platform.verifier.mint(_FACTS, audience=_AUDIENCE)
    platform.clock.now += 3600 + 61
    assert exchange(token).json == {
        "error": "invalid_grant",
        "error_description": "ID Token issued at 1800000000 is stale to sign-in.",
    }


def test_a_token_of_other_keys_is_refused(platform: Any, exchange: Exchange, tmp_path: Any) -> None:
    from emulator.state import State

    stranger = Verifier(State(tmp_path / "stranger", clock=platform.clock))
    answer = exchange(stranger.mint(_FACTS, audience=_AUDIENCE))
    assert answer.json["error"] == "invalid_grant"


def test_uploaded_keys_are_the_only_ones_believed(
    platform: Any, exchange: Exchange, provider: Any, tmp_path: Any
) -> None:
    from emulator.state import State

    other = Verifier(State(tmp_path / "other", clock=platform.clock))
    provider(
        oidc={
            "issuerUri": "https://confidentialcomputing.googleapis.com",
            "jwksJson": json.dumps(other.jwks),
        }
    )
    assert exchange(other.mint(_FACTS, audience=_AUDIENCE)).status == 200
    assert exchange().json["error"] == "invalid_grant"


def test_a_deleted_pool_admits_nobody(platform: Any, exchange: Exchange) -> None:
    platform.call("DELETE", f"https://iam.googleapis.com/v1/{_POOL}")
    assert exchange().json == _NO_PROVIDER


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"attributeCondition": 'assertion.sub.matches("\\\\p{Gr" + "eek}|.")'},
            'The emulator does not know what Google would answer: `sub` is "',
        ),
        (
            {"attributeMapping": {"google.subject": 'assertion.sub.matches("\\\\C" + "+") ? "a" : "b"'}},
            "The emulator does not know what Google would answer: mapping of `google.subject`: ",
        ),
    ],
)
def test_what_google_would_answer_is_not_made_up(
    platform: Any, exchange: Exchange, provider: Any, changes: dict[str, Any], says: str
) -> None:
    provider(**changes)
    answer = exchange()
    assert (answer.status, answer.json["error"]) == (400, "emulator_unknown")
    assert answer.json["error_description"].startswith(says)
    entry = platform.state.audit.entries()[-1]
    assert (entry["granted"], entry["detail"]["error"]) == (False, "emulator_unknown")


def test_what_another_clause_refuses_is_refused_whatever_is_not_known(
    exchange: Exchange, provider: Any
) -> None:
    provider(attributeCondition='assertion.sub.matches("\\\\p{Gr" + "eek}|.") && assertion.dbgstat == "x"')
    answer = exchange()
    assert (answer.status, answer.json) == (400, _REJECTED)
