"""What tests of every room may use: one emulator, and its two parties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emulator import running
from emulator.running import Running


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One emulator for all tests of this process; nobody's environment points to it yet."""
    started = running.start(tmp_path_factory.mktemp("emulator"))
    yield started
    started.stop()


@pytest.fixture
def through_gateway(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The emulator, which this test's production clients reach without being told of it."""
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    return emulator


@pytest.fixture
def credentials_of(through_gateway: Running) -> Callable[[str], Any]:
    """`owner` or `operator` → their google-auth credentials, as from their credentials file."""
    from google.oauth2.credentials import Credentials

    def load(party: str) -> Any:
        file = str(through_gateway.credentials_file(party))
        return Credentials.from_authorized_user_file(file)  # type: ignore[no-untyped-call]

    return load


@pytest.fixture
def session_of(credentials_of: Callable[[str], Any]) -> Iterator[Callable[[str], Any]]:
    """`owner` or `operator` → an `AuthorizedSession` for whatever has no client of its own."""
    from google.auth.transport.requests import AuthorizedSession

    sessions: list[AuthorizedSession] = []

    def open_session(party: str) -> AuthorizedSession:
        sessions.append(AuthorizedSession(credentials_of(party)))  # type: ignore[no-untyped-call]
        return sessions[-1]

    yield open_session
    for session in sessions:
        session.close()  # type: ignore[no-untyped-call]
