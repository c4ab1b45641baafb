"""Two credentials that never mix: the owner's, which reads the model, and the operator's own.

The owner's is made by google-auth from an attestation token: STS exchanges it where the owner's
condition admits, and the federated identity becomes the owner's service account. No endpoint
and no file name here comes from a setting. google-auth retries neither of the two calls, so
that is added; and it reports everything as one of two exceptions, so they are told apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from google.auth import compute_engine, identity_pool
from google.auth.credentials import Credentials
from google.auth.exceptions import OAuthError, RefreshError, TransportError
from google.auth.external_account import SupplierContext
from google.auth.transport.requests import Request

from attestation.errors import (
    Denied,
    EvidenceRejected,
    Misconfigured,
    NotKnown,
    SymbolonError,
    Unavailable,
    quoted,
)
from attestation.tokens import parse_token
from contract.terms import CredentialTerms

from . import attesting, patience
from .patience import Patience, patiently
from .refusal import Presented
from .sessions import settle

_OWNERS_TOKEN_LIVES_S = 900
"""It is renewed while the model is fetched, and is of no use to anybody soon afterwards."""
_STS = "sts.googleapis.com"
_READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
_KEYS = "https://www.googleapis.com/auth/cloudkms"
_READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_IMPERSONATION = (
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
)

# RFC 6749, section 5.2, as STS uses it.
_STS_REFUSALS: Mapping[str, type[SymbolonError]] = {
    "unauthorized_client": Denied,
    "access_denied": Denied,
    "invalid_grant": EvidenceRejected,
    "emulator_unknown": NotKnown,  # the emulator's alone: what Google would answer is not known to it
}
_BOUND = "roles/iam.workloadIdentityUser"
_NOT_BOUND = f"the owner grants `{_BOUND}` on it to the pool's `principalSet://`"
_LATER = "start the job again; if it stays so, check https://status.cloud.google.com"


def owner_credential(terms: CredentialTerms) -> Credentials:
    """A credential of the owner's service account that may read objects: the steps Attest, Exchange
    and Impersonate have been done.

    What a refusal's token said is its cause, a `Presented`.

    Raises:
        Denied: the owner's condition, or the service account's policy, does not admit this workload.
        NotKnown: the emulator cannot say what Google's STS would answer.
        EvidenceRejected: STS does not accept the attestation token.
        Misconfigured: the terms name a provider or an account that does not exist.
        Unavailable: a service did not answer, asked again and again.
    """
    tokens = _AttestationTokens()
    credential = _OwnerCredential(  # type: ignore[no-untyped-call]
        audience=terms.audience,
        subject_token_type=_JWT,
        subject_token_supplier=tokens,
        service_account_impersonation_url=_IMPERSONATION.format(account=terms.service_account),
        service_account_impersonation_options={"token_lifetime_seconds": _OWNERS_TOKEN_LIVES_S},
        scopes=[_READ_ONLY],
    )
    try:
        _refresh(credential, tokens)
    except (Denied, Misconfigured) as refusal:
        if refusal.hint == _NOT_BOUND:
            refusal.hint = f"the owner grants it: {_binding_line(terms, tokens)}"
        raise
    return credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Federated:
    """The federated identity itself, for what its `member` has been granted; it is no service account's.

    Its token is a bearer's, and lives as long as STS says, an hour: nothing makes it shorter.
    """

    credential: Credentials = field(repr=False)
    member: str


def federated_credential(terms: CredentialTerms) -> Federated:
    """What the owner's condition admitted, as it is: Attest and Exchange have been done, and nothing else.

    `member` is as an allow policy names whoever has this image.

    Raises: as `owner_credential`.
    """
    tokens = _AttestationTokens()
    credential = _OwnerCredential(  # type: ignore[no-untyped-call]
        audience=terms.audience,
        subject_token_type=_JWT,
        subject_token_supplier=tokens,
        scopes=[_KEYS],
    )
    _refresh(credential, tokens)
    return Federated(credential=credential, member=_member(terms, tokens))


def _member(terms: CredentialTerms, tokens: _AttestationTokens) -> str:
    """Whoever has this image, as an allow policy names them."""
    pool = terms.audience.removeprefix("//iam.googleapis.com/").partition("/providers/")[0]
    return f"principalSet://iam.googleapis.com/{pool}/attribute.image_digest/{tokens.image_digest()}"


def _binding_line(terms: CredentialTerms, tokens: _AttestationTokens) -> str:
    """The command that lets this image act as the owner's service account."""
    account = terms.service_account
    project = account.partition("@")[2].removesuffix(".iam.gserviceaccount.com")
    return (
        f"gcloud iam service-accounts add-iam-policy-binding {account} --project={project}"
        f" --member={_member(terms, tokens)} --role={_BOUND}"
    )


def _refresh(credential: Credentials, tokens: _AttestationTokens) -> None:
    """The credential has its token; a refusal has what was presented as its cause."""
    session = requests.Session()
    settle(session)
    try:
        credential.refresh(Request(session))  # type: ignore[no-untyped-call]
    except (Denied, NotKnown, EvidenceRejected, Misconfigured) as refusal:
        raise refusal from tokens.presented


class NoServiceAccount(Misconfigured):
    """The machine has no service account, so the operator's buckets cannot be reached."""


def operator_credential() -> Credentials:
    """The credential of the machine's own service account, which the operator chose.

    Raises:
        NoServiceAccount: the machine has none.
        Unavailable: the metadata server does not answer as it should.
    """
    credential = _OperatorCredential(scopes=[_READ_WRITE])  # type: ignore[no-untyped-call]
    try:
        credential.refresh(Request())
    except _Unreachable as error:
        raise NoServiceAccount(
            "this machine has no metadata server, and so no service account",
            hint="run this image in Confidential Space: `--image-project=confidential-space-images`",
        ) from error
    return credential


def _is_not_found(error: RefreshError) -> bool:
    """The metadata server answered 404: it knows of no account."""
    return any(getattr(part, "status", None) == 404 for part in getattr(error.__cause__, "args", ()))


class _AttestationTokens(identity_pool.SubjectTokenSupplier):
    """A fresh attestation token whenever google-auth goes to STS; `presented` is what the last one said."""

    def __init__(self) -> None:
        self.presented: Presented | None = None

    def get_subject_token(self, context: SupplierContext, request: object) -> str:
        token = attesting.subject_token("https:" + context.audience, now=time.time())
        self.presented = Presented(parse_token(token).claims)
        return token

    def image_digest(self) -> str:
        """The image's digest, as the token says it; `IMAGE_DIGEST` where it does not."""
        found: Any = {} if self.presented is None else self.presented.claims
        for name in ("submods", "container", "image_digest"):
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, str) else "IMAGE_DIGEST"


class _OperatorCredential(compute_engine.Credentials):
    """google-auth's credential of the machine, with patience, and with failures in our families."""

    def refresh(self, request: Any) -> None:  # any google-auth transport
        try:
            super().refresh(_PatientRequest(request, patience.METADATA))  # type: ignore[no-untyped-call]
        except RefreshError as error:
            if _is_not_found(error):
                raise NoServiceAccount(
                    "this machine has no service account",
                    hint="launch it with `--service-account` and `--scopes=cloud-platform`",
                ) from error
            raise Unavailable("the machine's service account gives no credential", hint=_LATER) from error


class _OwnerCredential(identity_pool.Credentials):
    """google-auth's credential, with patience, and with failures in our families."""

    def refresh(self, request: Any) -> None:  # any google-auth transport
        # INVARIANT: wrapped once. Impersonation refreshes a copy of this class with the same request.
        patient = (
            request if isinstance(request, _PatientRequest) else _PatientRequest(request, patience.SERVICES)
        )
        try:
            super().refresh(patient)  # type: ignore[no-untyped-call]
        except OAuthError as error:
            raise _sts_refusal(_answer(error)) from None
        except RefreshError as error:
            raise _impersonation_refusal(_answer(error)) from None


class _Unreachable(Unavailable):
    """Nobody answered at all."""


class _PatientRequest:
    """A google-auth transport that asks again on 429, on 5xx, and when it finds nobody."""

    def __init__(self, request: Any, patience: Patience) -> None:
        self._request = request
        self._patience = patience

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **transport_options: Any,
    ) -> Any:
        host = urlsplit(url).hostname
        timeout = min(timeout or self._patience.call_s, self._patience.call_s)

        def ask() -> Any:
            try:
                # All by name: a session that renews its credential has set the timeout already.
                response = self._request(
                    url=url, method=method, body=body, headers=headers, timeout=timeout, **transport_options
                )
            except TransportError as error:
                raise _Unreachable(f"`{host}` cannot be reached", hint=_LATER) from error
            if response.status == 429 or response.status >= 500:
                raise Unavailable(f"`{host}` answers {response.status}", hint=_LATER)
            if host == _STS and response.status >= 400 and _is_no_object(response.data):
                raise _sts_refusal({})
            return response

        return patiently(ask, self._patience)


def _is_no_object(body: bytes | str) -> bool:
    """`body` is JSON, and no object: google-auth takes a refusal of STS for one, and fails otherwise."""
    try:
        return not isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _answer(error: Exception) -> Mapping[str, Any]:
    """The JSON object that a Google service answered with, or an empty one."""
    try:
        answer = json.loads(error.args[1])
    except (IndexError, TypeError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _sts_refusal(answer: Mapping[str, Any]) -> SymbolonError:
    code, words = str(answer.get("error", "")), str(answer.get("error_description", ""))
    family = _STS_REFUSALS.get(code, Misconfigured)
    hint = {
        NotKnown: "try it on Google's own STS, or let the owner write the condition in another way",
        Denied: "`symbolon auditor explain --token error.json --unsafe-unverified --policy P` names the"
        " clause",
        EvidenceRejected: "check the clock and the provider's issuer and audiences",
        Misconfigured: "the owner checks that the provider named in the terms is there and enabled",
    }[family]
    return family(
        f"STS refuses the exchange: {quoted(words or code or 'no reason given', most_characters=300)}",
        hint=hint,
    )


def _impersonation_refusal(answer: Mapping[str, Any]) -> SymbolonError:
    error = answer.get("error")
    error = error if isinstance(error, dict) else {}
    family = Misconfigured if error.get("code") in (400, 404) else Denied
    words = quoted(str(error.get("message", "no reason given")), most_characters=300)
    return family(
        f"the owner's service account may not be used: {words}",
        hint=_NOT_BOUND,
    )
