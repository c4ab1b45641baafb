"""Request bodies, as far as Google's services read them alike."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from .errors import GoogleError, refuse_other_fields


async def json_of(request: Request) -> dict[str, Any]:
    """The JSON object that the body is; an empty body is an empty one.

    Raises:
        GoogleError: 400 for anything else.
    """
    try:
        document = await request.json() if await request.body() else {}
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise GoogleError(400, "Invalid JSON payload received.", reason="parseError")
    return document


async def fields_of(request: Request, *kept: str) -> dict[str, Any]:
    """The JSON object that the body is; it asks for nothing but what these fields say.

    Raises:
        GoogleError: 400 for anything else.
    """
    document = await json_of(request)
    refuse_other_fields(document, kept, f"{request.method} {request.url.path}")
    return document
