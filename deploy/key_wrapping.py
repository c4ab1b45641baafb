"""A model's data key, wrapped and unwrapped by the owner's key in Cloud KMS, with every checksum looked at.

Source: Cloud KMS API reference v1, `cryptoKeys.encrypt` and `.decrypt`; Cloud KMS, "Verifying end-to-end data
integrity".
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import google_crc32c

from attestation.digests import Digest
from attestation.errors import Denied, Misconfigured, Unavailable
from contract.kms_keys import ENCRYPTER_DECRYPTER, KmsKey

from .failures import NotFound, PermissionDenied
from .google_api import KMS, GoogleApi, Json

_HINTS = {
    "is not enabled": "enable or restore that version: {versions}",
    "Decryption failed": "`keys.json` was wrapped for another model, or altered: restore it, or seal the"
    " model again by `symbolon owner protect --seal`",
}
"""Google's own words of a 400, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A data key as a version of the owner's key encrypted it; `version` is that version's number."""

    wrapped: bytes = field(repr=False)
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrapped:
    """A data key, and whether the newest version of the owner's key wrapped it."""

    key: bytes = field(repr=False)
    by_primary: bool


def wrap(
    api: GoogleApi, kms: KmsKey, key: bytes, manifest: Digest, *, who: Callable[[], str] = lambda: ""
) -> Wrapped:
    """The data key, wrapped for that manifest by the primary version of the owner's key.

    `who` gives the member that a refusal's hint grants the role to; it is asked for after a refusal alone.

    Raises:
        NotFound: there is no such key.
        Denied: the caller may not use it; the hint has the line that lets them.
        Unavailable: Cloud KMS does not answer, or an answer or a request arrived damaged.
        SymbolonError: as `GoogleApi.send`.
    """
    body = {**_bytes("plaintext", key), **_bytes("additionalAuthenticatedData", _associated(manifest))}
    answer = _call(api, kms, "encrypt", body, who)
    arrived = ("verifiedPlaintextCrc32c", "verifiedAdditionalAuthenticatedDataCrc32c")
    if not all(answer.get(name) is True for name in arrived):
        raise _damaged("what was sent to")
    name, _, version = str(answer.get("name", "")).partition("/cryptoKeyVersions/")
    if name != str(kms) or not version.isdecimal():
        raise _damaged("what was received from")
    return Wrapped(wrapped=_read_bytes(answer, "ciphertext"), version=version)


def unwrap(
    api: GoogleApi, kms: KmsKey, wrapped: bytes, manifest: Digest, *, who: Callable[[], str] = lambda: ""
) -> Unwrapped:
    """What `wrap` wrapped for that manifest.

    Raises: as `wrap`; and Misconfigured where it does not open, or its version is disabled or destroyed.
    """
    body = {**_bytes("ciphertext", wrapped), **_bytes("additionalAuthenticatedData", _associated(manifest))}
    answer = _call(api, kms, "decrypt", body, who)
    return Unwrapped(key=_read_bytes(answer, "plaintext"), by_primary=answer.get("usedPrimary") is True)


def _call(api: GoogleApi, kms: KmsKey, verb: str, body: dict[str, str], who: Callable[[], str]) -> Json:
    doing = f"asking the key `{kms}` to {verb}"
    try:
        return api.call("POST", f"{KMS}/{kms}:{verb}", doing=doing, body=body)
    except PermissionDenied as denied:
        permission = denied.permission or f"cloudkms.cryptoKeyVersions.useTo{verb.capitalize()}"
        member = who()
        raise Denied(
            f"`{member or 'this account'}` may not use the key: `{permission}` is missing on `{kms}`,"
            " or there is no such key",
            hint=f"its owner grants it: {kms.grant_line(member or 'user:YOU', ENCRYPTER_DECRYPTER)}",
        ) from None
    except NotFound as absent:
        raise NotFound(absent.message, hint=f"create it: {kms.creation_lines()}") from None
    except Misconfigured as refused:
        for words, hint in _HINTS.items():
            if words in refused.message:
                raise Misconfigured(refused.message, hint=hint.format(versions=kms.versions_line())) from None
        raise


def _associated(manifest: Digest) -> bytes:
    return bytes.fromhex(manifest.removeprefix("sha256:"))


def _bytes(name: str, data: bytes) -> dict[str, str]:
    return {name: base64.b64encode(data).decode(), f"{name}Crc32c": str(google_crc32c.value(data))}


def _read_bytes(answer: Json, name: str) -> bytes:
    try:
        data = base64.b64decode(answer[name], validate=True)
        checksum = answer[f"{name}Crc32c"]
    except (LookupError, TypeError, ValueError):
        raise _damaged("what was received from") from None
    if checksum != str(google_crc32c.value(data)):
        raise _damaged("what was received from")
    return data


def _damaged(what: str) -> Unavailable:
    return Unavailable(f"{what} `cloudkms.googleapis.com` arrived damaged", hint="try again")
