"""Whose the credentials are: as they say themselves, else as Google says of the access token."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attestation.errors import Misconfigured
from deploy.google_api import GoogleApi
from emulator.running import Running
from symbolon.signing_in import member_of, sign_in
from tests.deploy.conftest import Bearer, ScriptedGoogle


def api_with(google: ScriptedGoogle, **more: object) -> Any:
    api = GoogleApi(Bearer(), sleep=google.slept.append)  # type: ignore[no-untyped-call]
    api.session.mount("https://", google)
    api.credentials = SimpleNamespace(token="a-token", **more)  # type: ignore[assignment]
    return api


@pytest.mark.parametrize(
    ("known", "member"),
    [
        ({"account": "a@b.example"}, "user:a@b.example"),
        (
            {"service_account_email": "x@p.iam.gserviceaccount.com"},
            "serviceAccount:x@p.iam.gserviceaccount.com",
        ),
    ],
)
def test_credentials_that_say_whose_they_are_are_believed(known: dict[str, str], member: str) -> None:
    google = ScriptedGoogle()
    assert member_of(api_with(google, **known)) == member
    assert google.sent == []


@pytest.mark.parametrize(
    ("answer", "member"),
    [
        ((200, {"email": "a@b.example"}), "user:a@b.example"),
        ((200, {"email": "x@p.iam.gserviceaccount.com"}), "serviceAccount:x@p.iam.gserviceaccount.com"),
        ((200, {"scope": "x"}), ""),
        ((200, b"<html>"), ""),
        ((400, {"error": "invalid_token"}), ""),
    ],
)
def test_google_says_whose_a_token_is_or_nobody_does(answer: tuple[int, object], member: str) -> None:
    google = ScriptedGoogle(answers=[answer])
    assert member_of(api_with(google, account="", service_account_email="default")) == member
    assert google.asked == ["POST https://oauth2.googleapis.com/tokeninfo"]
    assert "a-token" in str(google.sent[0].body)  # and in no address, which proxies log


def test_the_shells_credentials_are_used(through_gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    url = "https://cloudresourcemanager.googleapis.com/v3/projects/primus"
    assert sign_in("owner").call("GET", url, doing="looking")["projectId"] == "primus"


def test_without_credentials_the_way_to_some_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)  # as read at its import
    with pytest.raises(Misconfigured, match="no Google credentials") as refused:
        sign_in("owner")
    assert "symbolon emulator env owner" in (refused.value.hint or "")
