"""The root that the platform's PKI tokens lead to, found as anybody finds it.

Source: cloud.google.com/confidential-computing/confidential-space/docs, "PKI token validation".
"""

from __future__ import annotations

import hashlib
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.errors import Misconfigured, Unavailable
from attestation.issuer import ISSUER, ROOT_SHA256

_TIMEOUT_S = 10


def published_root() -> bytes:
    """The root certificate that the issuer publishes, in PEM.

    Raises:
        Unavailable: the issuer does not answer.
    """
    return _get(_get(f"{ISSUER}/.well-known/attestation-pki-root").json()["root_ca_uri"]).content


def check_root(pem: bytes, *, emulator: bool) -> None:
    """The certificate is Google's own, or somebody means an emulator's.

    Raises:
        Misconfigured: it is no certificate, or of the other one of the two.
    """
    try:
        found = hashlib.sha256(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)).hexdigest()
    except ValueError:
        raise Misconfigured(
            "the root is no certificate in PEM", hint="deploy/README.md says where it is"
        ) from None
    if emulator == (found == ROOT_SHA256):
        raise Misconfigured(
            "the root is Google's, and the image is meant for an emulator"
            if emulator
            else f"the root is not Google's: its SHA-256 is `{found[:16]}…`",
            hint="leave --emulator out"
            if emulator
            else "with --emulator the image believes that emulator, and not Google",
        )


def published_document(url: str) -> dict[str, Any]:
    """The JSON document that the issuer publishes there."""
    document: dict[str, Any] = _get(url).json()
    return document


def _get(url: str) -> requests.Response:
    try:
        answer = requests.get(url, timeout=_TIMEOUT_S)
        answer.raise_for_status()
    except requests.RequestException:
        raise Unavailable(
            "the attestation verifier did not say which root its tokens lead to",
            hint="look at the network, or give the certificate with --root",
        ) from None
    return answer
