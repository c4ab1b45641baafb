"""Cloud Storage's errors: its words, and the three shapes in which it sends them.

The JSON API answers JSON, a media download answers the bare message, the XML API answers XML.

Source: Cloud Storage documentation, "HTTP status and error codes" for JSON and for XML;
wording as quoted in public bug reports of google-cloud-storage's users.
"""

from __future__ import annotations

import errno
import sqlite3
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ..access_tokens import Caller
from ..errors import GoogleError, not_emulated, render_storage_error

_AUTHORIZATION = {"locationType": "header", "location": "Authorization"}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_IF_MATCH = {"locationType": "header", "location": "If-Match"}
_XML_CODES = {
    400: ("InvalidArgument", "Invalid argument."),
    401: ("AuthenticationRequired", "Authentication required."),
    403: ("AccessDenied", "Access denied."),
    404: ("NoSuchKey", "The specified key does not exist."),
    409: ("BucketNotEmpty", "The bucket you tried to delete is not empty."),
    412: ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold."),
}


def on_storage_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for `GoogleError` in this service."""
    assert isinstance(error, GoogleError)  # noqa: S101  registered for this class alone
    if error.http_status == 304:
        return Response(status_code=304)
    if not request.url.path.startswith(("/storage/", "/upload/", "/resumable/", "/download/", "/batch/")):
        return _render_xml_error(error)
    if request.query_params.get("alt") == "media":
        return PlainTextResponse(error.message, error.http_status, error.headers)
    return render_storage_error(error)


def on_full_disk(request: Request, error: Exception) -> Response:
    """Starlette's handler for what the system and SQLite say of a disk; any other trouble is a bug.

    Raises:
        OSError: and `sqlite3.Error`, as they came.
    """
    said_by_sqlite = getattr(error, "sqlite_errorcode", None) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
    )
    if getattr(error, "errno", None) in _FULL or said_by_sqlite:
        return on_storage_error(request, disk_full())
    raise error


def _render_xml_error(error: GoogleError) -> Response:
    code, message = _XML_CODES.get(error.http_status, (error.status, error.message))
    body = (
        "<?xml version='1.0' encoding='UTF-8'?><Error>"
        f"<Code>{error.reason if error.reason[:1].isupper() else code}</Code>"
        f"<Message>{escape(message)}</Message><Details>{escape(error.message)}</Details></Error>"
    )
    return Response(body, error.http_status, error.headers, "application/xml; charset=UTF-8")


def invalid(message: str, *, reason: str = "invalid") -> GoogleError:
    """400: the request itself is wrong."""
    return GoogleError(400, message, reason=reason)


def invalid_credentials() -> GoogleError:
    """401: there is a credential, but not one that is valid now."""
    return GoogleError(401, "Invalid Credentials", reason="authError", details=[_AUTHORIZATION])


def access_denied(caller: Caller | None, permission: str, kind: str) -> GoogleError:
    """403, or 401 for an anonymous caller; `kind` is `object`, `bucket` or `project`."""
    resource = "Google Cloud project" if kind == "project" else f"Google Cloud Storage {kind}"
    message = (
        f"{'Anonymous caller' if caller is None else caller.name} does not have {permission} access to the "
        f"{resource}. Permission '{permission}' denied on resource (or it may not exist)."
    )
    if caller is None:
        return GoogleError(401, message, reason="required", details=[_AUTHORIZATION])
    return GoogleError(403, message, reason="forbidden")


def scope_not_authorized() -> GoogleError:
    """403: the caller may, but this access token may not."""
    return GoogleError(403, "Provided scope(s) are not authorized", reason="forbidden")


def no_such_bucket(name: str = "") -> GoogleError:
    """404; a slash is a person's mistake, and told so."""
    message = "The specified bucket does not exist."
    if "/" in name:
        bucket, _, rest = name.removeprefix("gs://").partition("/")
        message += f" A bucket's name has no slash: is it object '{rest[:80]}' of bucket '{bucket[:80]}'?"
    return GoogleError(404, message, reason="notFound")


def no_such_object(bucket: str, name: str) -> GoogleError:
    """404; a generation that is no longer there is one as well."""
    return GoogleError(404, f"No such object: {bucket}/{name}", reason="notFound")


def no_such_upload() -> GoogleError:
    """404: never begun, done, or cancelled."""
    return GoogleError(404, "Upload session not found", reason="notFound")


def conflict(message: str) -> GoogleError:
    """409."""
    return GoogleError(409, message, reason="conflict")


def precondition_failed() -> GoogleError:
    """412."""
    message = "At least one of the pre-conditions you specified did not hold."
    return GoogleError(412, message, reason="conditionNotMet", details=[_IF_MATCH])


def range_not_satisfiable(size: int) -> GoogleError:
    """416."""
    return GoogleError(
        416,
        "The requested range cannot be satisfied.",
        reason="requestedRangeNotSatisfiable",
        headers={"content-range": f"bytes */{size}"},
    )


def absent(what: str) -> GoogleError:
    """400: Cloud Storage has it, the emulator has not, and ignoring it would mislead."""
    return not_emulated(f"the emulator's Cloud Storage does not have {what}")


def no_acls() -> GoogleError:
    """400: as in any bucket with uniform access, and here all have that."""
    return GoogleError(
        400,
        "Cannot use access control lists when uniform bucket-level access is enabled, as it always is in the "
        "emulator: grant roles on the bucket instead.",
        reason="invalid",
    )


def disk_full() -> GoogleError:
    """403, as where a quota is used up: it is not worth trying again at once, and 507 would be."""
    return GoogleError(
        403, "The disk that holds the emulator's state is full: nothing was stored.", reason="quotaExceeded"
    )
