"""The two parties' credentials files, exchanged by google-auth for access tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import google.auth
import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request

from emulator.running import Running

PROJECT = "https://cloudresourcemanager.googleapis.com/{}/projects/{}"
TOKEN = "https://oauth2.googleapis.com/token"


def test_the_credentials_file_is_the_application_default(
    through_gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_only"])
    with requests.Session() as session:
        credentials.refresh(Request(session))  # type: ignore[no-untyped-call]
    assert credentials.valid
    assert credentials.quota_project_id == "primus"


def test_the_token_endpoint_is_at_its_old_address_too_where_tensorflow_asks(
    through_gateway: Running,
) -> None:
    old = "https://www.googleapis.com/oauth2/v3/token"
    answer = requests.post(old, form(through_gateway), timeout=9)
    assert answer.json()["token_type"] == "Bearer"


def form(emulator: Running) -> dict[str, str]:
    file = json.loads(emulator.credentials_file("owner").read_bytes())
    return {key: file[key] for key in ("client_id", "client_secret", "refresh_token")} | {
        "grant_type": "refresh_token"
    }


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"refresh_token": "1//nonsense"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_grant"),
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_changed_token_request_is_refused(
    through_gateway: Running, change: dict[str, str], status: int, error: str
) -> None:
    answer = requests.post(TOKEN, form(through_gateway) | change, timeout=9)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_no_kind_of_token_passes_for_the_other(through_gateway: Running) -> None:
    asked = form(through_gateway)
    access = requests.post(TOKEN, asked, timeout=9).json()["access_token"]
    body = access.removeprefix("ya29.symbolon-emulator.")
    answer = requests.post(TOKEN, asked | {"refresh_token": "1//symbolon-emulator." + body}, timeout=9)
    assert answer.json()["error"] == "invalid_grant"
    refresh = asked["refresh_token"].removeprefix("1//symbolon-emulator.")
    headers = {"authorization": "Bearer ya29.symbolon-emulator." + refresh}
    assert requests.get(PROJECT.format("v1", "primus"), headers=headers, timeout=9).status_code == 401


def test_a_revoked_credentials_file_is_told_by_google_auth(
    through_gateway: Running, credentials_of: Callable[[str], Any]
) -> None:
    credentials = credentials_of("owner")
    credentials._refresh_token = "1//revoked"
    with requests.Session() as session, pytest.raises(RefreshError, match="invalid_grant"):
        credentials.refresh(Request(session))
