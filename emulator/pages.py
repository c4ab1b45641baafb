"""Lists come in pages, when a client asks for pages: so many items, and a token that says where to go on.

The token names the last item that was shown, so that what comes and goes meanwhile is neither
shown twice nor skipped.

Source: google.aip.dev/158; Compute Engine API reference v1, `maxResults`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from .errors import GoogleError
from .state import Document

_MOST = 1000


def page_of(
    items: Sequence[tuple[str, Document]], query: Mapping[str, str], *, size: str = "pageSize"
) -> tuple[list[Document], dict[str, str]]:
    """The items of the page that `query` asks for, and `{"nextPageToken"}` where there are more.

    `items` are in the order of their names. `size` is what the service calls the size of a page.

    Raises:
        GoogleError: 400 for a size that is none, or a token that is not ours.
    """
    text = query.get(size) or "0"
    if not (text.isascii() and text.isdigit()):
        raise GoogleError(400, f"Invalid value for field '{size}': '{text[:40]}'.", reason="invalid")
    after = _name_of(query.get("pageToken", ""))
    rest = [(name, item) for name, item in items if name > after]
    page = rest[: min(int(text), _MOST) or _MOST]
    more = {"nextPageToken": _token_of(page[-1][0])} if len(page) < len(rest) else {}
    return [item for _, item in page], more


def _token_of(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _name_of(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise GoogleError(400, "The page token is invalid.", reason="invalid") from None
