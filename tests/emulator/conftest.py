"""Real clients of the two parties, and a bucket for each test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage

from emulator.running import Running


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
def session_of(credentials_of: Callable[[str], Any]) -> Iterator[Callable[[str], AuthorizedSession]]:
    """`owner` or `operator` → a session for whatever has no client of its own."""
    sessions: list[AuthorizedSession] = []

    def open_session(party: str) -> AuthorizedSession:
        sessions.append(AuthorizedSession(credentials_of(party)))
        return sessions[-1]

    yield open_session
    for session in sessions:
        session.close()


@pytest.fixture
def faults(emulator: Running) -> Iterator[Callable[..., None]]:
    """Switches these faults on, and all off after the test."""
    from emulator.faults import Faults, write_faults

    def switch(**on: Any) -> None:
        write_faults(emulator.folder, Faults(**on))

    yield switch
    switch()
