"""Page tokens: where the last page ended. Opaque to clients, and the same after a restart."""

from __future__ import annotations

import base64

from .errors import invalid


def render_page_token(last: str) -> str:
    """A token for what comes after the name `last`.

    >>> parse_page_token(render_page_token("a/b"))
    'a/b'
    """
    return base64.urlsafe_b64encode(last.encode()).decode()


def parse_page_token(text: str) -> str:
    """The name that the last page ended with; `""` for the first page.

    Raises:
        GoogleError: 400 where it is no token.
    """
    try:
        return base64.urlsafe_b64decode(text).decode()
    except ValueError:
        raise invalid(f"Invalid pageToken: {text[:80]}") from None
