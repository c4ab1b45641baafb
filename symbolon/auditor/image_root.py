"""Which root of the platform an image believes, and whether it is the one that it ought to."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.errors import EvidenceRejected
from attestation.issuer import ROOT_SHA256

from ..inputs import read_bytes
from ..platform_root import check_root


def root_of(found: bytes | None, *, given: str | None, emulator: bool) -> tuple[bytes, str]:
    """The root that the image ought to believe, in PEM and in words.

    It is the one in the file `given`; without that the one `found` in the image, if it is Google's, known by
    its fingerprint, or if somebody means an emulator's.

    Raises:
        Misconfigured: the file is no certificate, or of the other one of the two.
        EvidenceRejected: what the image believes is no certificate alone, or another one than Google's.
    """
    if given is not None:
        pem = read_bytes(given, what="root")
        check_root(pem, emulator=emulator)
        return pem, f"the root of the platform that was given, SHA-256 {_fingerprint(pem)[:16]}…"
    if found is None:
        raise EvidenceRejected(
            "the image has no `root.pem`, the root of the platform's tokens",
            hint="name what it ought to believe with --root, to see what else differs",
        )
    sha256 = _fingerprint(found)
    if not emulator and sha256 != ROOT_SHA256:
        raise EvidenceRejected(
            f"the image believes another root than Google's: its SHA-256 is `{sha256[:16]}…`",
            hint="an emulator's image is audited with --emulator",
        )
    if emulator and sha256 == ROOT_SHA256:
        check_root(found, emulator=True)  # says so
    whose = "the image's own root, an emulator's" if emulator else "Google's root, known by its fingerprint"
    return found, f"{whose}, SHA-256 {sha256[:16]}…"


def _fingerprint(pem: bytes) -> str:
    """The SHA-256 of the one certificate that `pem` is, as its authority would write it."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        written = certificate.public_bytes(Encoding.PEM)
    except ValueError:
        written = b""
    if not written or b"".join(pem.split()) != b"".join(written.split()):
        raise EvidenceRejected(
            "`root.pem` of the image is not one certificate and nothing else",
            hint="name what it ought to believe with --root, to see what else differs",
        )
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
