"""What Google's own clients sent once is answered as it was; scripts/record-clients wrote it down."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.recording import CLIENTS, RECORDINGS, replay


@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_client_sent_once_is_answered_as_it_was(
    client: str, platform: Any, ask: Callable[..., Any]
) -> None:
    answered = replay(platform, ask, client)
    assert len(answered) > 15
    assert [(sent, got) for sent, expected, got in answered if got != expected] == []


@pytest.mark.parametrize("client", CLIENTS)
def test_a_recording_holds_no_credential(client: str) -> None:
    text = (RECORDINGS / f"{client}.jsonl").read_text(encoding="utf-8").lower()
    assert re.findall(r"bearer|authorization|ya29|refresh_token|client_secret", text) == []
