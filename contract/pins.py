"""What a client that knows a server's key beforehand compares: the SHA-256 of its SubjectPublicKeyInfo.

Such a client asks no authority whether the certificate is good, and no name or date in it means anything: the
key behind it is the one that was meant, or it is not.

Source: RFC 7469, section 2.4; RFC 5280, section 4.1.2.7.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected


class CertificateMalformed(EvidenceRejected):
    """The bytes that a server showed are no certificate."""

    code = "certificate-malformed"


def pin_of(certificate: bytes) -> Digest:
    """The pin of the key that a certificate, in DER, is for.

    Raises:
        CertificateMalformed: it is no certificate.
    """
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
        return digest_of(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateMalformed("what the server shows is no certificate") from None
