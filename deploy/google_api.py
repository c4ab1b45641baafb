"""Calls of Google's JSON APIs under their production names, and their answers as our families of errors.

Every call is bounded in time, is tried again where the answer says that this helps, and fails
with Google's own words. A call that creates may reach Google twice; whoever creates therefore
accepts what exists already.

Source: google.aip.dev/151 (long-running operations), 193 (errors); Compute Engine API reference,
`zoneOperations`; Cloud Storage documentation, "HTTP status and error codes for JSON".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession

from attestation.errors import Denied, Misconfigured, SymbolonError, Unavailable

Json = dict[str, Any]
"""A resource as its REST API shows it."""

ARTIFACT_REGISTRY = "https://artifactregistry.googleapis.com/v1"
COMPUTE = "https://compute.googleapis.com/compute/v1"
IAM = "https://iam.googleapis.com/v1"
RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v3"
STORAGE = "https://storage.googleapis.com/storage/v1"

_REQUEST_TIMEOUT_S = 60
_OPERATION_TIMEOUT_S = 300
_RETRY_DELAYS_S = (0.5, 1.0, 2.0, 4.0)
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_MOST_WORDS = 500
# Source: google.rpc.Code, and the HTTP status that its documentation maps each to.
_HTTP_STATUS = {3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 14: 503, 16: 401}


class NotFound(Misconfigured):
    """What was asked for is not there."""

    code = "not-found"


class AlreadyExists(Misconfigured):
    """What was to be created is there already."""

    code = "already-exists"


class ConcurrentChange(Unavailable):
    """Somebody else changed the same resource between our reading and our writing it."""

    code = "concurrent-change"


class GoogleApi:
    """Google's APIs as one caller reaches them; `sleep` is how the time between tries passes."""

    def __init__(self, credentials: Credentials, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        self.sleep = sleep

    def call(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        body: Mapping[str, object] | None = None,
        parameters: Mapping[str, str | list[str]] | None = None,
    ) -> Json:
        """The answer of a JSON API; `doing` names the act in an error, e.g. "creating bucket `b`".

        Raises:
            SymbolonError: as `send` does.
        """
        response = self.send(method, url, doing=doing, json=body, params=parameters)
        if not response.content:
            return {}
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Unavailable(f"google answered {doing} with something that is not json")
        return answer

    def send(
        self, method: str, url: str, *, doing: str, may_lead_elsewhere: bool = False, **request: Any
    ) -> requests.Response:
        """The answer, which is a success, after as many tries as it took; no redirect is followed.

        Where it `may_lead_elsewhere`, a redirect is an answer too: the token is not sent after it.

        Raises:
            NotFound, AlreadyExists, ConcurrentChange: by the status.
            Denied: the caller is nobody, or may not do this.
            Misconfigured: Google does not accept the request.
            Unavailable: no answer, or one of those that pass, at the last try too.
        """
        for delay in (*_RETRY_DELAYS_S, None):
            try:
                response = self.session.request(
                    method, url, timeout=_REQUEST_TIMEOUT_S, allow_redirects=False, **request
                )
            except (TransportError, requests.ConnectionError, requests.Timeout):
                failure: SymbolonError = Unavailable(
                    f"google could not be reached for {doing}", hint="look at the network, then try again"
                )
            except GoogleAuthError as error:
                raise Denied(
                    f"google refused the credentials for {doing}: `{_legible(str(error.args[0]))}`",
                    hint="sign in again: gcloud auth application-default login",
                ) from None
            else:
                # Where HEAD is sent elsewhere, what was asked for is there.
                if response.status_code < (400 if may_lead_elsewhere or method == "HEAD" else 300):
                    return response
                failure = _failure(response.status_code, _words_of(response), doing)
                if response.status_code not in _TRANSIENT:
                    raise failure
            if delay is None:
                raise failure
            self.sleep(delay)
        raise AssertionError  # the last try has returned or raised

    def wait(self, operation: Json, url: str, *, doing: str, timeout_s: float = _OPERATION_TIMEOUT_S) -> Json:
        """The operation, read from `url` until it is done: one of AIP-151 or of Compute Engine.

        Raises:
            Unavailable: it is not done after `timeout_s` of waiting.
            SymbolonError: it failed; as `send` does.
        """
        waited_s, delay_s = 0.0, 0.25
        while not (operation.get("done") or operation.get("status") == "DONE"):
            if waited_s >= timeout_s:
                raise Unavailable(
                    f"{doing} did not end within {timeout_s:.0f} s", hint="google may still finish it"
                )
            self.sleep(delay_s)
            waited_s, delay_s = waited_s + delay_s, min(delay_s * 1.5, 5.0)
            operation = self.call("GET", url, doing=doing)
        if error := operation.get("error"):
            if "errors" in error:
                status = int(operation.get("httpErrorStatusCode", 500))
                words = "; ".join(str(item.get("message", "")) for item in error["errors"])
            else:
                status = _HTTP_STATUS.get(error.get("code", 0), 500)
                words = str(error.get("message", ""))
            raise _failure(status, words, doing)
        return operation


def _failure(status: int, words: str, doing: str) -> SymbolonError:
    """The error of a request that Google answered with `status`."""
    message = f"google answered {doing} with {status}: `{_legible(words)}`"
    match status:
        case 404:
            return NotFound(message, hint="check the name and the project, and that it was created")
        case 409 if "concurrent" in words.lower():
            return ConcurrentChange(message, hint="try again")
        case 409:
            return AlreadyExists(message, hint="choose another name, or look at who made it")
        case 412:
            return ConcurrentChange(message, hint="try again")
        case 401:
            return Denied(message, hint="sign in again: gcloud auth application-default login")
        case 403:
            return Denied(message, hint="act as someone who holds the permission, or have it granted")
    if status in _TRANSIENT:
        return Unavailable(message, hint="try again later")
    return Misconfigured(message, hint="google's words say which value it does not accept")


def _words_of(response: requests.Response) -> str:
    """What the body says in any of the shapes that Google's services and registries use."""
    try:
        body = response.json()
    except ValueError:
        # Not `response.text`, which guesses an encoding where none is named.
        return response.content.decode(errors="replace") or response.reason or ""
    match body:
        case {"error": {"message": str(message)}}:
            return message
        case {"error": str(error)}:
            return f"{error}: {body.get('error_description', '')}".rstrip(": ")
        case {"errors": [{"message": str(message)}, *_]}:
            return message
    return response.content.decode(errors="replace")


def _legible(words: str) -> str:
    """`words` on one line, without backticks, and not endless."""
    line = "".join(letter if letter.isprintable() else " " for letter in words).replace("`", "'")
    return line if len(line) <= _MOST_WORDS else line[:_MOST_WORDS] + " …"
