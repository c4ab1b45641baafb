"""The demo, told once for all journeys: as a person sees it, and as a program does."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import symbolon.demo.command
from symbolon.__main__ import main
from symbolon.demo.events import Event
from symbolon.demo.rendering import render_event
from symbolon.demo.story import tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One telling: exit code, what stood on the terminal, the events, and the folder that was kept."""

    code: int
    human: str
    events: list[dict[str, Any]]
    folder: Path

    def scene(self, step: int) -> dict[str, Any]:
        return next(event for event in self.events if event.get("step") == step)

    def token(self, vm: str) -> Path:
        """The token that the verifier signed for that VM of the operator's."""
        folder = self.folder / "emulator" / "instances" / "secundus" / vm / "container_launcher"
        return folder / "attestation_verifier_claims_token"


@pytest.fixture(scope="session")
def told(pytestconfig: pytest.Config) -> Iterator[Told]:
    """`symbolon demo --keep DIR`, with real clients, a real model and real photos."""
    assert pytestconfig.cache is not None
    events: list[Event] = []

    def recorded(folder: Path, *, cache: Path, kept: bool) -> Iterator[Event]:
        for event in tell(folder, cache=cache, kept=kept):
            events.append(event)
            yield event

    screen = io.StringIO()
    with (
        tempfile.TemporaryDirectory(prefix="symbolon-") as folder,
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(screen),
    ):
        patch.setattr(symbolon.demo.command, "tell", recorded)
        patch.setenv("XDG_CACHE_HOME", str(pytestconfig.cache.mkdir("symbolon-models")))
        before = dict(os.environ)
        code = main(["demo", "--keep", folder])
        assert dict(os.environ) == before
        yield Told(
            code=code,
            human=screen.getvalue(),
            events=[render_event(event) for event in events],
            folder=Path(folder),
        )
