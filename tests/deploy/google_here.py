"""Google in this process, without a socket, below google-auth's session: what is asked is what production is.

It keeps what was asked, answers otherwise where a test wants that, and dies when it is told to.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import requests
from google.auth.credentials import Credentials
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from deploy.google_api import GoogleApi
from emulator import projects, server
from emulator.access_tokens import CLOUD_PLATFORM, mint_access_token
from emulator.address import Address
from emulator.compute import Fleet
from emulator.state import State
from emulator.verifier import Verifier
from tests.emulator.conftest import ask

WRITING = ("DELETE", "PATCH", "POST", "PUT")
_ONLY_ASKS = (":getIamPolicy", ":testIamPermissions")
_VOLATILE = ("etag", "metageneration", "generation", "timeCreated", "updated", "createTime", "updateTime")
_UNIQUE = ("uniqueId", "oauth2ClientId", "expireTime", "softDeletePolicy")


class Killed(BaseException):
    """The process ended, as far as the code under test can know."""


class Speaker(Credentials):
    """Credentials that speak for one member, for ever."""

    def __init__(self, token: str, account: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token, self.account = token, account

    def refresh(self, _request: object) -> None:
        """There is nothing to renew."""


@dataclass(kw_only=True)
class GoogleHere(HTTPAdapter):
    """Every service, and what was asked of it: `(verb, address without its query, parameters, body)`."""

    state: State
    app: Any
    asked: list[requests.PreparedRequest] = field(default_factory=list)
    lives: int | None = None
    """So many calls are answered, and then the caller is dead; None: it lives on."""
    interfere: Callable[[requests.PreparedRequest], tuple[int, dict[str, Any]] | None] = lambda _request: None
    """What a request is answered with instead, where it is."""

    def __post_init__(self) -> None:
        super().__init__()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.asked.append(request)
        assert request.method is not None and request.url is not None
        instead = self.interfere(request)
        if instead is None:
            body = request.body.encode() if isinstance(request.body, str) else request.body or b""
            headers = {name: str(value) for name, value in request.headers.items()}
            answer = ask(self.app, request.method, request.url, headers=headers, body=body)
            status, content = answer.status, answer.body
        else:
            status, content = instead[0], json.dumps(instead[1]).encode()
        if self.lives is not None:
            self.lives -= 1
            if self.lives <= 0:  # done there, and never heard of here
                raise Killed
        head = {"date": formatdate(usegmt=True)}
        answered = HTTPResponse(io.BytesIO(content), head, status=status, preload_content=False)
        return self.build_response(request, answered)

    def api(self, party: str = "owner", *, email: str = "") -> GoogleApi:
        """Google's APIs, as a party reaches them whose patience costs no time."""
        domain = {"owner": "primus", "operator": "secundus", "auditor": "tertius"}[party]
        email = email or f"{party}@{domain}.example"
        token = mint_access_token(
            self.state,
            name=email,
            members=frozenset({f"user:{email}"}),
            scopes=frozenset({CLOUD_PLATFORM}),
            lifetime_s=3600,
        )
        api = GoogleApi(Speaker(token, email), sleep=lambda _s: None, chance=lambda: 0.0)
        api.session.mount("https://", self)
        return api

    @property
    def written(self) -> list[str]:
        """The calls that may have changed something, in order."""
        return [
            f"{each.method} {each.url}"
            for each in self.asked
            if each.method in WRITING and not str(each.url).partition("?")[0].endswith(_ONLY_ASKS)
        ]

    def everything(self) -> dict[str, Any]:
        """What stands in every service, but for what is new in each run."""
        folder = Path(self.state.folder) / "documents"
        documents = {path.name: json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}
        kept = {
            name: each
            for name, each in documents.items()
            if "perations" not in name and ".deleted" not in name
        }
        result: dict[str, Any] = _without(kept)
        return result


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(each) for key, each in value.items() if key not in _VOLATILE + _UNIQUE}
    if isinstance(value, list):
        return [_without(each) for each in value]
    return value


def google_in(folder: Path) -> tuple[GoogleHere, Fleet]:
    """All services on a state folder of their own; the fleet is to be stopped."""
    state = State(folder, clock=lambda: 1_800_000_000.0)
    projects.seed(state)
    nowhere = Address(proxy="http://127.0.0.1:9", gateway_socket=folder / "g.sock", ca_file=folder / "ca.pem")
    fleet = Fleet(state, Verifier(state), nowhere)
    return GoogleHere(state=state, app=server.make_app(state, server.services(state, fleet))), fleet
