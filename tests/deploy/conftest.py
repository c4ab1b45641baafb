"""Google as a list of answers, below google-auth's session: what is sent is what production would send."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.credentials import Credentials
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from deploy.google_api import GoogleApi
from tests.deploy.google_here import GoogleHere, google_in


@dataclass(kw_only=True)
class ScriptedGoogle(HTTPAdapter):
    """Answers requests in order, and keeps them; `slept` is what the client waited in between."""

    answers: list[tuple[int, object] | Exception] = field(default_factory=list)
    sent: list[requests.PreparedRequest] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        content = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        answered = HTTPResponse(content, self.headers, status=status, preload_content=False)
        return self.build_response(request, answered)

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
    api = GoogleApi(Bearer(), sleep=google.slept.append, chance=lambda: 0.0)  # type: ignore[no-untyped-call]
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
def as_party(credentials_of: Callable[[str], Any]) -> Callable[[str], GoogleApi]:
    """Google's APIs on this machine, as `owner` or `operator` reaches them."""
    return lambda party: GoogleApi(credentials_of(party))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[GoogleHere]:
    """Google in this process, in which nobody has made anything."""
    google, fleet = google_in(tmp_path / "google")
    yield google
    fleet.stop()
