"""Calls of Google's JSON APIs under their production names, and their answers as our families of errors.

Every call is bounded in time, is tried again where the answer says that this helps, and fails
with Google's own words. A call that creates may reach Google twice; whoever creates therefore
accepts what exists already.

Source: google.aip.dev/151 (long-running operations), 193 (errors); Compute Engine API reference,
`zoneOperations`; Cloud Storage documentation, "HTTP status and error codes for JSON".
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession

from attestation.errors import SymbolonError, Unavailable

from .failures import TRANSIENT, Answer, answer_of, failure_of, sign_in_again
from .failures import AlreadyExists as AlreadyExists
from .failures import ConcurrentChange as ConcurrentChange
from .failures import NotFound as NotFound

Json = dict[str, Any]
"""A resource as its REST API shows it."""

ARTIFACT_REGISTRY = "https://artifactregistry.googleapis.com/v1"
COMPUTE = "https://compute.googleapis.com/compute/v1"
IAM = "https://iam.googleapis.com/v1"
KMS = "https://cloudkms.googleapis.com/v1"
OAUTH2 = "https://oauth2.googleapis.com"
RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v3"
SERVICE_USAGE = "https://serviceusage.googleapis.com/v1"
STORAGE = "https://storage.googleapis.com/storage/v1"

_REQUEST_TIMEOUT_S = 60
_OPERATION_TIMEOUT_S = 300
_RETRY_DELAYS_S = (0.5, 1.0, 2.0, 4.0)
# Source: google.rpc.Code, and the HTTP status that its documentation maps each to.
_HTTP_STATUS = {3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 14: 503, 16: 401}


class GoogleApi:
    """Google's APIs as one caller reaches them; `sleep` is how the time between tries passes.

    `chance` gives a number of [0, 1): by it the time between two tries is up to half longer, so that clients
    that failed together do not come back together.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.credentials = credentials
        self.session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        self.sleep = sleep
        self._chance = chance

    def pause(self, delay_s: float) -> None:
        """`delay_s` seconds have passed, or up to half as many more."""
        self.sleep(delay_s * (1 + self._chance() / 2))

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
            Misconfigured: Google does not accept the request; an API, billing or a quota stands against it.
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
                raise sign_in_again(str(error.args[0]), doing) from None
            else:
                # Where HEAD is sent elsewhere, what was asked for is there.
                if response.status_code < (400 if may_lead_elsewhere or method == "HEAD" else 300):
                    return response
                failure = failure_of(response.status_code, answer_of(response), doing)
                if response.status_code not in TRANSIENT or not isinstance(failure, Unavailable):
                    raise failure
            if delay is None:
                raise failure
            self.pause(delay)
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
            raise failure_of(status, Answer(words=words), doing)
        return operation
