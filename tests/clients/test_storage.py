"""Google's own clients of Cloud Storage, unmodified: each story told live, and replayed from its recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.conftest import Shell
from tests.clients.recording import RECORDINGS, replay
from tests.clients.storage_stories import STORIES


@pytest.mark.parametrize("client", STORIES)
def test_a_person_does_with_it_what_they_always_did(client: str, shell_of: Callable[[str], Shell]) -> None:
    STORIES[client](shell_of("owner"))


@pytest.mark.parametrize("client", STORIES)
def test_what_it_sent_once_is_answered_as_it_was(client: str, platform: Any) -> None:
    answered = replay(platform, RECORDINGS / f"{client}.jsonl.gz")
    assert len(answered) > 20
    assert [(sent, got) for sent, expected, got in answered if got != expected] == []
