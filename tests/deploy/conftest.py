"""Google as a list of answers, below google-auth's session: what is sent is what production would send."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from google.auth.credentials import Credentials
from google.oauth2.credentials import Credentials as UserCredentials
from requests.adapters import BaseAdapter

from deploy.google_api import GoogleApi
from deploy.launch import CLOUD_PLATFORM
from emulator.running import Running


@dataclass(kw_only=True)
class ScriptedGoogle(BaseAdapter):
    """Answers requests in order, and keeps them; `slept` is what the client waited in between."""

    answers: list[tuple[int, object] | Exception] = field(default_factory=list)
    sent: list[requests.PreparedRequest] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        response = requests.Response()
        response.status_code = status
        response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        response.url = request.url or ""
        response.headers.update(self.headers)
        return response

    def close(self) -> None:
        pass

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url}" for request in self.sent]

    def body(self, index: int) -> Any:
        return json.loads(self.sent[index].body or b"null")


class Bearer(Credentials):
    """Credentials that never expire, and are as good after a renewal as before."""

    def refresh(self, _request: object) -> None:
        self.token = "a-token"


@pytest.fixture
def google() -> ScriptedGoogle:
    return ScriptedGoogle()


@pytest.fixture
def api(google: ScriptedGoogle) -> GoogleApi:
    api = GoogleApi(Bearer(), sleep=google.slept.append)  # type: ignore[no-untyped-call]
    api.session.mount("https://", google)
    return api


@pytest.fixture
def answering(google: ScriptedGoogle) -> Callable[..., None]:
    """What Google will answer, in order: bodies of successes, pairs with a status, or exceptions."""

    def answer(*answers: Any) -> None:
        google.answers[:] = [
            given if isinstance(given, (tuple, Exception)) else (200, given) for given in answers
        ]

    return answer


@pytest.fixture
def as_party(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], GoogleApi]:
    """Google's APIs on this machine, as `owner` or `operator` reaches them."""
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)

    def signed_in(party: str) -> GoogleApi:
        credentials = UserCredentials.from_authorized_user_file(  # type: ignore[no-untyped-call]
            str(emulator.credentials_file(party)), scopes=[CLOUD_PLATFORM]
        )
        return GoogleApi(credentials)

    return signed_in
