"""Wrapping by a key in Cloud KMS, which never leaves it: each key is wrapped and unwrapped there.

The owner sees each use in Google's audit logs, and ends every release by disabling the key's version. Google
rotates the key; each value names the version that wrapped it, and Google knows by itself which one opens it.

Source: Cloud KMS API reference v1, `cryptoKeys.encrypt` and `.decrypt`; Cloud KMS, "Verifying end-to-end data
integrity".
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any, Protocol

import google_crc32c
import requests
from google.auth.exceptions import GoogleAuthError

from attestation.errors import Denied, Misconfigured, Unavailable
from contract.kms_keys import ENCRYPTER_DECRYPTER, KmsKey

from .wrapping import KMS, key_id_of, refused, render_by_kms, take_apart, unknown

_SERVICE = "https://cloudkms.googleapis.com/v1"
_TIMEOUT_S = 20
_DELAYS_S = (0.2, 1.0)
_PASSES = (429, 500, 502, 503, 504)


class Session(Protocol):
    """`requests.Session`, as far as it is needed: with the broker's credentials."""

    def post(self, url: str, *, json: Any, timeout: float) -> requests.Response: ...


class KmsWrapping:
    """A `Wrapping` by the primary version of that key."""

    def __init__(self, key: KmsKey, session: Session, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._key, self._session, self._sleep = key, session, sleep

    def __repr__(self) -> str:
        return f"KmsWrapping({self._key})"

    @property
    def current(self) -> str:
        return ""

    def wrap(self, data: bytes, associated: bytes) -> bytes:
        answer = self._call(
            "encrypt",
            {**_bytes("plaintext", data), **_bytes("additionalAuthenticatedData", associated)},
        )
        arrived = ("verifiedPlaintextCrc32c", "verifiedAdditionalAuthenticatedDataCrc32c")
        version = str(answer.get("name", ""))
        if not all(answer.get(name) is True for name in arrived) or not version.startswith(f"{self._key}/"):
            raise _damaged()
        return render_by_kms(version, _read_bytes(answer, "ciphertext"))

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        kind, version, body = take_apart(wrapped)
        if kind != KMS or not version.startswith(f"{self._key}/"):
            raise unknown(version)
        answer = self._call(
            "decrypt",
            {**_bytes("ciphertext", body), **_bytes("additionalAuthenticatedData", associated)},
        )
        return _read_bytes(answer, "plaintext")

    def is_current(self, wrapped: bytes) -> bool:
        """Whatever version wrapped it: none is forgotten, and Google knows which one opens it."""
        return key_id_of(wrapped).startswith(f"{self._key}/")

    def _call(self, verb: str, body: dict[str, str]) -> dict[str, Any]:
        for delay in (*_DELAYS_S, None):
            try:
                answer = self._session.post(f"{_SERVICE}/{self._key}:{verb}", json=body, timeout=_TIMEOUT_S)
            except requests.RequestException:
                pass
            except GoogleAuthError:
                raise Misconfigured(
                    "the broker has no credentials of Google's, or they are refused",
                    hint="give it a service account: GOOGLE_APPLICATION_CREDENTIALS, or the machine's",
                ) from None
            else:
                if answer.status_code == 200:
                    return _document(answer)
                if answer.status_code not in _PASSES:
                    raise self._failure(verb, answer)
            if delay is not None:
                self._sleep(delay)
        raise Unavailable("`cloudkms.googleapis.com` does not answer the broker", hint="try again")

    def _failure(self, verb: str, answer: requests.Response) -> Exception:
        status = answer.status_code
        if status in (401, 403):
            return Denied(
                f"the broker may not {verb} by the key `{self._key}`, or there is none",
                hint=f"its owner grants it: {self._key.grant_line('user:YOU', ENCRYPTER_DECRYPTER)}",
            )
        if status == 404:
            return Misconfigured(
                f"there is no key `{self._key}`", hint=f"create it: {self._key.creation_lines()}"
            )
        if verb == "decrypt" and status == 400 and "Decryption failed" in answer.text:
            return refused()
        return Misconfigured(
            f"the key `{self._key}` cannot {verb}: a version of it is disabled or destroyed",
            hint=f"look at them: {self._key.versions_line()}",
        )


def _document(answer: requests.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _damaged()
    return document


def _bytes(name: str, data: bytes) -> dict[str, str]:
    return {name: base64.b64encode(data).decode(), f"{name}Crc32c": str(google_crc32c.value(data))}


def _read_bytes(answer: dict[str, Any], name: str) -> bytes:
    """INVARIANT: an empty value has no member in Google's answer, and nothing empty was ever wrapped."""
    try:
        data = base64.b64decode(answer[name], validate=True)
        checksum = answer[f"{name}Crc32c"]
    except (LookupError, TypeError, ValueError):
        raise _damaged() from None
    if checksum != str(google_crc32c.value(data)):
        raise _damaged()
    return data


def _damaged() -> Unavailable:
    return Unavailable("an answer of `cloudkms.googleapis.com` arrived damaged", hint="try again")
