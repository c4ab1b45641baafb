"""Google's own clients of Cloud KMS, unmodified, as an owner uses them.

tests/emulator/test_recordings.py replays what they sent, without them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.conftest import Shell
from tests.clients.kms_stories import STORIES


@pytest.mark.parametrize("client", STORIES)
def test_an_owner_does_with_it_what_they_always_did(client: str, shell_of: Callable[[str], Shell]) -> None:
    STORIES[client](shell_of("owner"))
