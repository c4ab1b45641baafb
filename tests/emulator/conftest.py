"""Real clients of the two parties, a bucket for each test, and an emulator without process and time."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.cloud import storage

from emulator import projects, server
from emulator.access_tokens import CLOUD_PLATFORM, mint_access_token
from emulator.address import Address
from emulator.compute import Fleet
from emulator.running import Running
from emulator.state import State
from emulator.verifier import Verifier


@pytest.fixture
def owner(credentials_of: Callable[[str], Any]) -> Iterator[Any]:
    """The owner's storage client."""
    client = storage.Client(project="primus", credentials=credentials_of("owner"))
    yield client
    client.close()


@pytest.fixture
def operator(credentials_of: Callable[[str], Any]) -> Iterator[Any]:
    """The operator's storage client."""
    client = storage.Client(project="secundus", credentials=credentials_of("operator"))
    yield client
    client.close()


@pytest.fixture
def bucket(owner: Any) -> Any:
    """A bucket of the owner's, empty."""
    return owner.create_bucket(f"test-{uuid.uuid4().hex}")


@pytest.fixture
def faults(emulator: Running) -> Iterator[Callable[..., None]]:
    """Switches these faults on, troubles one by one, and all off after the test."""
    from emulator.faults import Faults, Trouble, write_faults

    def switch(*troubles: Trouble, **on: Any) -> None:
        write_faults(emulator.folder, Faults(troubles=troubles, **on))

    yield switch
    switch()


@dataclass(kw_only=True)
class Clock:
    """A clock that a test sets."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Platform:
    """Every service in this process, at whatever time the clock shows, without a socket."""

    state: State
    clock: Clock
    verifier: Verifier
    fleet: Fleet
    app: Any = field(repr=False)

    def token_of(self, member: str) -> str:
        """An access token that speaks for `member`, e.g. `user:owner@primus.example`."""
        return mint_access_token(
            self.state,
            name=member.partition(":")[2],
            members=frozenset({member}),
            scopes=frozenset({CLOUD_PLATFORM}),
            lifetime_s=3600,
        )

    def call(self, method: str, url: str, body: object = None, *, by: str = "owner") -> Answer:
        """A JSON call by `owner` or `operator`, or by anyone with another access token."""
        parties = {"owner": "user:owner@primus.example", "operator": "user:operator@secundus.example"}
        token = self.token_of(parties[by]) if by in parties else by
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        data = b"" if body is None else json.dumps(body).encode()
        return ask(self.app, method, url, headers=headers, body=data)


def ask(
    app: Any, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """What the ASGI application answers."""
    parts = urlsplit(url)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},  # a stream listens for no disconnection
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": parts.path.replace("%40", "@"),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in {"host": parts.netloc, **(headers or {})}.items()
        ],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return Answer(
        status=sent[0]["status"],
        headers={name.decode().lower(): value.decode() for name, value in sent[0]["headers"]},
        body=b"".join(message.get("body", b"") for message in sent[1:]),
    )


@pytest.fixture(name="ask")
def ask_fixture() -> Callable[..., Answer]:
    """`ask`, for tests of one application."""
    return ask


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> State:
    """A state folder of the test's own."""
    return State(tmp_path / "state", clock=clock)


@pytest.fixture
def platform(state: State, clock: Clock, tmp_path: Path) -> Iterator[Platform]:
    """All services on a state folder of the test's own."""
    projects.seed(state)
    nowhere = Address(
        proxy="http://127.0.0.1:9", gateway_socket=tmp_path / "gateway.sock", ca_file=tmp_path / "ca.pem"
    )
    fleet = Fleet(state, Verifier(state), nowhere)
    app = server.make_app(state, server.services(state, fleet))
    yield Platform(state=state, clock=clock, verifier=fleet.verifier, fleet=fleet, app=app)
    fleet.stop()
