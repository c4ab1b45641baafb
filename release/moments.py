"""A time as people read it: a licence's, in what a broker and its owner say."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: int) -> str:
    """Seconds since the epoch in words.

    >>> moment(0)
    '1970-01-01 00:00 UTC'
    """
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):  # later than any calendar
        return f"{at} s after 1970"
