"""Trusting the certificate chain of a PKI token, from one pinned root down to the leaf.

Nothing is fetched, neither issuers nor revocation lists. Extended key usages are not looked
at: the platform's intermediate carries one that speaks of TPM endorsement keys. Name constraints
would have to be obeyed, marked critical or not; the platform uses none, so that a certificate with
some is refused.

Source: RFC 7515, section 4.1.6 (`x5c`); RFC 5280, sections 4.2.1 (4.2.1.10: name constraints) and 6.1
(no certificate stands twice in a path).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import SignatureAlgorithmOID

from .jwks import check_rsa_key
from .rejections import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateTwice,
    ChainBroken,
    ChainMalformed,
    ChainMissing,
    CriticalExtension,
    KeyNotAllowed,
    KeyUsageForbidden,
    NamesConstrained,
    NotACertificateAuthority,
    PathTooLong,
    UntrustedRoot,
)

MOST_CERTIFICATES = 5  # the platform sends three: leaf, intermediate, root

_SIGNATURE_ALGORITHMS = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Certificate:
    """All of a certificate that verification asks for, read at once: later, nothing fails to parse."""

    name: str
    der: bytes
    certificate: x509.Certificate
    key: CertificatePublicKeyTypes
    signature_algorithm: x509.ObjectIdentifier
    not_before_s: float
    not_after_s: float
    basic_constraints: x509.BasicConstraints | None
    key_usage: x509.KeyUsage | None
    constrains_names: bool
    other_critical_extensions: tuple[str, ...]


def verify_chain(x5c: object, *, root: x509.Certificate, now: float) -> rsa.RSAPublicKey:
    """The leaf's public key, for which `root` vouches at time `now` through the chain `x5c`.

    `x5c` is the list from a token's header: the leaf first, each issued by the next, `root` last.
    Trust is followed from `root` down, so that no key verifies anything before it is vouched for.

    Raises:
        ChainMissing, ChainMalformed: there is no list of certificates.
        CertificateTwice: one of them stands in it again.
        UntrustedRoot, ChainBroken: they do not lead to `root`.
        CertificateExpired, CertificateNotYetValid: one is not valid at `now`, to the second.
        NotACertificateAuthority, PathTooLong, KeyUsageForbidden, CriticalExtension, NamesConstrained:
            one serves for what it does not allow, or might not.
        KeyNotAllowed: a key, or the algorithm of a certificate's signature, is too weak.
    """
    chain = _parse_chain(x5c)
    _check_each_once(chain)
    if chain[-1].der != root.public_bytes(Encoding.DER):
        raise UntrustedRoot("the certificate chain does not end in the pinned root")
    for below, (subject, issuer) in reversed(list(enumerate(pairwise(chain)))):
        _check_validity(issuer, now)
        _check_authority(issuer, intermediates_below=below)
        _check_issued(subject, issuer)
    leaf = chain[0]
    _check_validity(leaf, now)
    return _check_leaf(leaf)


def _check_each_once(chain: list[_Certificate]) -> None:
    first: dict[bytes, str] = {}
    for certificate in chain:
        name = first.setdefault(certificate.der, certificate.name)
        if name != certificate.name:
            raise CertificateTwice(f"{certificate.name} of `x5c` is {name} again")


def _check_validity(certificate: _Certificate, now: float) -> None:
    if now > certificate.not_after_s:
        raise CertificateExpired(f"{certificate.name} has expired at the given time")
    if now < certificate.not_before_s:
        raise CertificateNotYetValid(f"{certificate.name} is not valid yet at the given time")


def _check_authority(issuer: _Certificate, *, intermediates_below: int) -> None:
    _check_extensions(issuer)
    constraints, usage = issuer.basic_constraints, issuer.key_usage
    if constraints is None or not constraints.ca or usage is None or not usage.key_cert_sign:
        raise NotACertificateAuthority(f"{issuer.name} may not issue certificates")
    if constraints.path_length is not None and intermediates_below > constraints.path_length:
        raise PathTooLong(f"{issuer.name} may not have {intermediates_below} intermediates below it")


def _check_issued(subject: _Certificate, issuer: _Certificate) -> None:
    check_rsa_key(issuer.key, f"the key of {issuer.name}")
    if subject.signature_algorithm not in _SIGNATURE_ALGORITHMS:
        raise KeyNotAllowed(f"{subject.name} is not signed with RSA and SHA-256 or better")
    try:
        subject.certificate.verify_directly_issued_by(issuer.certificate)
    except (ValueError, InvalidSignature):  # another name, or another key
        raise ChainBroken(f"{subject.name} was not issued by {issuer.name}") from None


def _check_leaf(leaf: _Certificate) -> rsa.RSAPublicKey:
    _check_extensions(leaf)
    if leaf.key_usage is not None and not leaf.key_usage.digital_signature:
        raise KeyUsageForbidden(f"{leaf.name} may not sign tokens")
    return check_rsa_key(leaf.key, f"the key of {leaf.name}")


def _check_extensions(certificate: _Certificate) -> None:
    if certificate.other_critical_extensions:
        oid = certificate.other_critical_extensions[0]
        raise CriticalExtension(f"{certificate.name} has the critical extension `{oid}`")
    if certificate.constrains_names:
        raise NamesConstrained(f"{certificate.name} constrains names, which are not compared here")


def _parse_chain(x5c: object) -> list[_Certificate]:
    if x5c is None:
        raise ChainMissing(
            "the token's header has no certificate chain `x5c`",
            hint="an OIDC token is verified with its issuer's key set, not with a root",
        )
    if not isinstance(x5c, list) or not 2 <= len(x5c) <= MOST_CERTIFICATES:
        raise ChainMalformed(f"`x5c` is not a list of 2 to {MOST_CERTIFICATES} certificates")
    return [_parse_certificate(text, f"certificate {place}") for place, text in enumerate(x5c, 1)]


def _parse_certificate(text: object, name: str) -> _Certificate:
    if not isinstance(text, str):
        raise ChainMalformed(f"{name} of `x5c` is not a string")
    try:
        der = base64.b64decode(text.encode("ascii"), validate=True)
        return _read_certificate(der, name)
    except (
        ValueError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
        Warning,  # where the interpreter turns warnings into errors, an odd serial number is one
    ):
        raise ChainMalformed(f"{name} of `x5c` is not an X.509 certificate in base64") from None


@lru_cache(maxsize=32)  # a platform's tokens have one chain, but for the leaf
def _read_certificate(der: bytes, name: str) -> _Certificate:
    certificate = x509.load_der_x509_certificate(der)
    # The parser overlooks how many bits of the signature's last byte are declared unused.
    if not der.endswith(b"\x00" + certificate.signature):
        raise ValueError("the signature does not consist of whole bytes")
    extensions = certificate.extensions
    found = {type(extension.value): extension.value for extension in extensions}
    constraints = found.get(x509.BasicConstraints)
    usage = found.get(x509.KeyUsage)
    return _Certificate(
        name=name,
        der=der,
        certificate=certificate,
        key=certificate.public_key(),
        signature_algorithm=certificate.signature_algorithm_oid,
        not_before_s=certificate.not_valid_before_utc.timestamp(),
        not_after_s=certificate.not_valid_after_utc.timestamp(),
        basic_constraints=constraints if isinstance(constraints, x509.BasicConstraints) else None,
        key_usage=usage if isinstance(usage, x509.KeyUsage) else None,
        constrains_names=x509.NameConstraints in found,
        other_critical_extensions=tuple(
            extension.oid.dotted_string
            for extension in extensions
            if extension.critical and not isinstance(extension.value, x509.BasicConstraints | x509.KeyUsage)
        ),
    )
