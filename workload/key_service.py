"""The owner's key in Cloud KMS: it unwraps a sealed model's key, where its policy lets this image ask.

One call, `decrypt`, by the federated identity itself: no service account stands between. Both directions
have their checksums (CRC32C), and each is looked at. A damaged answer is asked for again, as one that did
not come.

Source: Cloud KMS API reference v1, `projects.locations.keyRings.cryptoKeys.decrypt`; Cloud KMS, "Verifying
end-to-end data integrity"; google.rpc.Code.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import google_crc32c
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession, Request

from attestation.digests import Digest
from attestation.errors import Denied, EvidenceRejected, Misconfigured, SymbolonError, Unavailable, quoted
from contract.kms_keys import DECRYPTER, KmsKey
from contract.sealed_stream import KEY_BYTES
from contract.wrapped_keys import WrappedKey

from . import patience
from .credentials import Federated
from .patience import patiently
from .sessions import settle

ENDPOINT = "https://cloudkms.googleapis.com"
_PERMISSION = "cloudkms.cryptoKeyVersions.useToDecrypt"
_LATER = "start the job again; if it stays so, check https://status.cloud.google.com"


class KeyUnusable(Misconfigured):
    """The owner's key is there, and its version that wrapped the model's key is disabled or destroyed."""

    code = "kms-key-unusable"


class WrappedKeyRefused(EvidenceRejected):
    """The owner's key does not open what `keys.json` has: it was wrapped for another manifest, or altered."""

    code = "wrapped-key-refused"


class KeyService:
    """Cloud KMS, asked by the federated identity that the owner's condition has admitted."""

    def __init__(self, federated: Federated) -> None:
        refreshing = requests.Session()
        settle(refreshing)
        self._session = AuthorizedSession(  # type: ignore[no-untyped-call]
            federated.credential, auth_request=Request(refreshing)
        )
        settle(self._session)
        self._member = federated.member

    def unwrap(self, entry: WrappedKey, manifest: Digest) -> bytes:
        """The sealed model's data key: 32 bytes.

        Raises:
            Misconfigured: there is no such key, or its API is off.
            KeyUnusable: its version is disabled or destroyed.
            Denied: this image may not ask it; the hint has the line that lets it.
            WrappedKeyRefused: it was not wrapped by this key for that manifest.
            Unavailable: Cloud KMS does not answer, or what arrives is damaged, asked again and again.
        """
        associated = bytes.fromhex(manifest.removeprefix("sha256:"))
        body = {
            **_with_checksum("ciphertext", entry.wrapped),
            **_with_checksum("additionalAuthenticatedData", associated),
        }
        key = patiently(lambda: self._ask(entry.kms, body), patience.SERVICES)
        if len(key) != KEY_BYTES:
            raise WrappedKeyRefused(
                f"the owner's key `{entry.kms}` opens something that is no key of a model", hint=_SEAL_AGAIN
            )
        return key

    def close(self) -> None:
        """Nobody asks with this identity any more."""
        self._session.close()  # type: ignore[no-untyped-call]

    def _ask(self, kms: KmsKey, body: Mapping[str, str]) -> bytes:
        try:
            response = self._session.request(  # type: ignore[no-untyped-call]
                "POST",
                f"{ENDPOINT}/v1/{kms}:decrypt",
                json=body,
                timeout=patience.SERVICES.call_s,
                allow_redirects=False,
            )
        except (requests.RequestException, GoogleAuthError) as error:
            raise Unavailable("`cloudkms.googleapis.com` cannot be reached", hint=_LATER) from error
        if response.status_code == requests.codes.ok:
            return _plaintext(response)
        raise self._refusal(kms, response)

    def _refusal(self, kms: KmsKey, response: requests.Response) -> SymbolonError:
        status, error = response.status_code, _error(response)
        code, words = error.get("status"), quoted(str(error.get("message", "")), most_characters=300)
        if status == 429 or status >= 500:
            return Unavailable(f"`cloudkms.googleapis.com` answers {status}", hint=_LATER)
        if code == "PERMISSION_DENIED" and _reason(error) == "SERVICE_DISABLED":
            return Misconfigured(
                f"the owner's project `{kms.project}` has not enabled Cloud KMS",
                hint=f"the owner enables it: gcloud services enable cloudkms.googleapis.com"
                f" --project={kms.project}",
            )
        if status in (401, 403):
            return Denied(
                f"this image may not use the owner's key: `{_PERMISSION}` is missing on `{kms}`, or there is"
                " no such key",
                hint=f"the owner grants it: {kms.grant_line(self._member, DECRYPTER)}",
            )
        if status == 404:
            return Misconfigured(
                f"the owner's key `{kms}` does not exist: {words}",
                hint="the owner names the key that wrapped the model's in `release.kms`, and publishes again",
            )
        if code == "FAILED_PRECONDITION":
            return KeyUnusable(
                f"the owner's key `{kms}` cannot be used: {words}",
                hint=f"the owner enables or restores that version: {kms.versions_line()}",
            )
        if code == "INVALID_ARGUMENT" and "checksum" in words.lower():
            return Unavailable("what was asked of `cloudkms.googleapis.com` arrived damaged", hint=_LATER)
        if code == "INVALID_ARGUMENT":
            return WrappedKeyRefused(
                f"the owner's key `{kms}` does not open what `keys.json` has for it: it was wrapped for"
                " another manifest, or altered",
                hint=_SEAL_AGAIN,
            )
        return Misconfigured(
            f"`cloudkms.googleapis.com` answers {status}: {words}",
            hint="that is not how Cloud KMS answers: look at what stands between this machine and Google",
        )


_SEAL_AGAIN = "the owner restores `keys.json`, or seals the model again: `symbolon owner protect`"


def _with_checksum(name: str, data: bytes) -> dict[str, str]:
    """A member with bytes, and the one with their CRC32C: an int64, which JSON has as a string."""
    return {name: base64.b64encode(data).decode(), f"{name}Crc32c": str(google_crc32c.value(data))}


def _plaintext(response: requests.Response) -> bytes:
    damaged = Unavailable("what `cloudkms.googleapis.com` answers arrives damaged", hint=_LATER)
    try:
        answer = response.json()
        plaintext = base64.b64decode(answer["plaintext"], validate=True)
        checksum = answer["plaintextCrc32c"]
    except (ValueError, LookupError, TypeError):
        raise damaged from None
    # INVARIANT: an answer without its checksum is no better than one with a wrong one.
    if checksum != str(google_crc32c.value(plaintext)):
        raise damaged
    return plaintext


def _error(response: requests.Response) -> Mapping[str, Any]:
    try:
        error = response.json()["error"]
    except (ValueError, LookupError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _reason(error: Mapping[str, Any]) -> str:
    """Why, by the `ErrorInfo` of an error, if it has one."""
    details = error.get("details")
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict) and "reason" in each:
            return str(each["reason"])
    return ""
