"""Google's answers as our families of errors, and the patience between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError

from attestation.errors import Denied, Misconfigured, SymbolonError, Unavailable
from deploy.failures import PermissionDenied, QuotaExceeded
from deploy.google_api import AlreadyExists, ConcurrentChange, GoogleApi, NotFound
from tests.deploy.conftest import Bearer

URL = "https://iam.googleapis.com/v1/x"
Answering = Callable[..., None]


def error(status: int, message: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": status, "message": message, "status": "X"}}


def test_an_answer_is_its_json(api: GoogleApi, answering: Answering) -> None:
    answering({"name": "x"})
    assert api.call("GET", URL, doing="reading x") == {"name": "x"}


def test_an_empty_answer_is_an_empty_object(api: GoogleApi, answering: Answering) -> None:
    answering((204, b""))
    assert api.call("DELETE", URL, doing="deleting x") == {}


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (400, Misconfigured),
        (401, Denied),
        (403, PermissionDenied),
        (404, NotFound),
        (409, AlreadyExists),
        (412, ConcurrentChange),
        (302, Misconfigured),
    ],
)
def test_a_refusal_is_not_tried_again(
    api: GoogleApi, answering: Answering, google: Any, status: int, family: type[SymbolonError]
) -> None:
    # google-auth itself renews its credentials after a 401, twice.
    answering(*[error(status, "No.")] * (3 if status == 401 else 1))
    with pytest.raises(family, match=rf"google answered reading x with {status}: `No\.`") as caught:
        api.call("GET", URL, doing="reading x")
    assert type(caught.value) is family
    assert caught.value.hint
    assert google.slept == []


def test_a_redirect_is_not_followed_with_our_token(api: GoogleApi, answering: Answering, google: Any) -> None:
    google.headers["location"] = "https://evil.example/"
    answering((302, b""), {})
    with pytest.raises(Misconfigured):
        api.call("GET", URL, doing="reading x")
    assert len(google.sent) == 1


def test_a_concurrent_policy_change_is_told_from_what_exists_already(
    api: GoogleApi, answering: Answering
) -> None:
    answering(error(409, "There were concurrent policy changes. Please retry …"))
    with pytest.raises(ConcurrentChange):
        api.call("POST", URL, doing="x")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "As AIP-193 has it."}}, "As AIP-193 has it."),
        ({"error": "invalid_grant", "error_description": "As OAuth."}, "invalid_grant: As OAuth."),
        ({"errors": [{"code": "DENIED", "message": "As registries."}]}, "As registries."),
        (b"as plain\ntext `here`", "as plain text 'here'"),
        (b"\x1b[31mred", " [31mred"),
        (b"x" * 600, "x" * 500 + " …"),
    ],
)
def test_google_s_words_are_found_and_made_legible(
    api: GoogleApi, answering: Answering, body: object, words: str
) -> None:
    answering((400, body))
    with pytest.raises(Misconfigured) as caught:
        api.call("GET", URL, doing="x")
    assert caught.value.message == f"google answered x with 400: `{words}`"


@pytest.mark.parametrize("passing", [429, 500, 502, 503, 504, requests.ConnectionError(), requests.Timeout()])
def test_what_passes_is_tried_again(
    api: GoogleApi, answering: Answering, google: Any, passing: int | Exception
) -> None:
    answering(passing if isinstance(passing, Exception) else error(passing, "Later."), {"name": "x"})
    assert api.call("GET", URL, doing="x") == {"name": "x"}
    assert google.slept == [0.5]


def test_the_time_between_two_tries_is_up_to_half_longer_by_chance(google: Any, answering: Answering) -> None:
    api = GoogleApi(Bearer(), sleep=google.slept.append, chance=lambda: 0.5)  # type: ignore[no-untyped-call]
    api.session.mount("https://", google)
    answering(error(503, "Later."), error(429, "Later."), {})
    assert api.call("GET", URL, doing="x") == {}
    assert google.slept == [0.625, 1.25]


def test_a_quota_that_is_used_up_is_not_asked_for_again(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    answering((429, {"error": {"message": "x", "errors": [{"reason": "quotaExceeded"}]}}))
    with pytest.raises(QuotaExceeded):
        api.call("POST", URL, doing="x")
    assert google.slept == []


def test_patience_ends(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering(*[error(503, "Not now.")] * 5)
    with pytest.raises(Unavailable, match="Not now"):
        api.call("GET", URL, doing="x")
    assert google.slept == [0.5, 1.0, 2.0, 4.0]


def test_credentials_that_google_refuses_send_the_caller_to_sign_in(
    api: GoogleApi, answering: Answering
) -> None:
    refused = RefreshError("invalid_grant: Bad Request", {})  # type: ignore[no-untyped-call]
    answering(refused)
    with pytest.raises(Denied, match="`invalid_grant: Bad Request`") as caught:
        api.call("GET", URL, doing="x")
    assert "gcloud auth application-default login" in caught.value.hint


def test_an_answer_that_is_not_json_is_no_answer(api: GoogleApi, answering: Answering) -> None:
    answering((200, b"<html>"))
    with pytest.raises(Unavailable, match="not json"):
        api.call("GET", URL, doing="x")


def test_an_operation_is_waited_for(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering({"name": "o"}, {"name": "o", "done": True, "response": {}})
    done = api.wait({"name": "o"}, URL, doing="x")
    assert done["done"]
    assert google.slept == [0.25, 0.375]


def test_compute_engine_s_operation_is_done_in_its_own_words(api: GoogleApi, answering: Answering) -> None:
    answering({"name": "o", "status": "DONE"})
    assert api.wait({"name": "o", "status": "RUNNING"}, URL, doing="x")["status"] == "DONE"


@pytest.mark.parametrize(
    ("operation", "family"),
    [
        ({"done": True, "error": {"code": 7, "message": "No."}}, Denied),
        ({"done": True, "error": {"code": 6, "message": "No."}}, AlreadyExists),
        ({"done": True, "error": {"code": 99, "message": "No."}}, Unavailable),
        (
            {
                "status": "DONE",
                "httpErrorStatusCode": 400,
                "error": {"errors": [{"code": "X", "message": "No."}]},
            },
            Misconfigured,
        ),
    ],
)
def test_an_operation_that_failed_is_its_error(
    api: GoogleApi, operation: dict[str, Any], family: type[SymbolonError]
) -> None:
    with pytest.raises(family, match=r"`No\.`"):
        api.wait(operation, URL, doing="x")


def test_an_operation_that_never_ends_is_given_up(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering(*[{"name": "o"}] * 20)
    with pytest.raises(Unavailable, match="within 10 s"):
        api.wait({"name": "o"}, URL, doing="x", timeout_s=10)
    assert 10 <= sum(google.slept) < 20
