"""Errors in the words and shapes that Google's services answer with.

Three shapes exist: the common one of `googleapis.com` (AIP-193), the older one of the
Cloud Storage JSON API, and OAuth's (RFC 6749, section 5.2), which STS uses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class GoogleError(Exception):
    """An answer that is an error: HTTP status, message, and what the body's shape needs besides."""

    def __init__(
        self,
        http_status: int,
        message: str,
        *,
        status: str = "",
        reason: str = "",
        details: Sequence[Mapping[str, object]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.message = message
        self.status = status or _STATUS.get(http_status, "UNKNOWN")
        self.reason = reason
        self.details = list(details)
        self.headers = dict(headers or {})


class OAuthError(Exception):
    """STS's and the token endpoint's answer: `{"error", "error_description"}`."""

    def __init__(self, error: str, description: str, *, http_status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.http_status = http_status


def not_emulated(what: str) -> GoogleError:
    """What Google has and the emulator has not: 400, which no client asks again, as it would a 501.

    `what` is a sentence that names it; `NOT_EMULATED` is the reason, in each shape of errors.
    """
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "NOT_EMULATED",
        "domain": "symbolon-emulator",
    }
    return GoogleError(400, what, status="UNIMPLEMENTED", reason="notEmulated", details=[info])


def refuse_other_fields(body: Mapping[str, object], kept: Collection[str], where: str) -> None:
    """Everything that `body` asks for is kept; what says nothing asks for nothing.

    Raises:
        GoogleError: 400 for any other field: it would be taken and then dropped.
    """
    for field, value in body.items():
        if field not in kept and value not in (None, False, "", 0, [], {}):
            raise not_emulated(f"the emulator does not have `{field[:60]}` of {where}")


def render_google_error(error: GoogleError) -> Response:
    """The body that `googleapis.com` services send. Source: google.aip.dev/193."""
    body: dict[str, object] = {
        "code": error.http_status,
        "message": error.message,
        "status": error.status,
    }
    if error.details:
        body["details"] = error.details
    return JSONResponse({"error": body}, error.http_status, error.headers)


def render_storage_error(error: GoogleError) -> Response:
    """The body that the Cloud Storage JSON API sends.

    Source: Cloud Storage documentation, "HTTP status and error codes for JSON".
    """
    item: dict[str, object] = {"message": error.message, "domain": "global", "reason": error.reason}
    body: dict[str, object] = {"code": error.http_status, "message": error.message, "errors": [item]}
    for detail in error.details:
        if "@type" in detail:
            body.setdefault("details", []).append(detail)  # type: ignore[attr-defined]
        else:  # where in the request it is: `locationType`, `location`
            item.update(detail)
    return JSONResponse({"error": body}, error.http_status, error.headers)


def render_everywhere(error: GoogleError) -> Response:
    """A body in which clients of both shapes find the sentence: of a host or a call that no service has."""
    item = {"message": error.message, "domain": "global", "reason": error.reason}
    body = {
        "code": error.http_status,
        "message": error.message,
        "errors": [item],
        "status": error.status,
        "details": error.details,
    }
    return JSONResponse({"error": body}, error.http_status, error.headers)


def render_oauth_error(error: OAuthError) -> Response:
    """The body that STS sends. Source: RFC 6749, section 5.2."""
    body = {"error": error.error, "error_description": error.description}
    return JSONResponse(body, error.http_status)


def on_google_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for `GoogleError`."""
    assert isinstance(error, GoogleError)  # noqa: S101  registered for this class alone
    return render_google_error(error)


def on_oauth_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for `OAuthError`."""
    assert isinstance(error, OAuthError)  # noqa: S101  registered for this class alone
    return render_oauth_error(error)
