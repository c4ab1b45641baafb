"""A time in words, however late it is."""

from __future__ import annotations

import pytest

from release.moments import moment


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (1_800_000_059, "2027-01-15 08:00 UTC"),
        (2**64 - 1, "18446744073709551615 s after 1970"),
    ],
)
def test_a_time_is_said_to_the_minute_and_one_beyond_the_calendar_as_it_is(at: int, words: str) -> None:
    assert moment(at) == words
