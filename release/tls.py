"""The broker's TLS: keys of its own, certificates that nobody vouches for, and version 1.3 alone.

A client knows the key by its pin (`contract.pins`), so there is no authority whose word counts, and nothing
that expires on a Sunday: the certificate only carries the key.

The private key lies on the disk wrapped by the master key. OpenSSL takes a key from a file alone, so it is
handed one in memory, locked by a password that is made for the occasion: no disk has it in clear.

Source: RFC 8446; memfd_create(2).
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import ssl
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from cryptography.x509.oid import NameOID

from attestation.digests import Digest, digest_of
from attestation.errors import Misconfigured

TlsKey: TypeAlias = EllipticCurvePrivateKey

_LIFETIME = timedelta(days=3650)
_BEFORE = timedelta(days=1)
"""A client whose clock is behind may look at the dates, though it need not."""


def new_tls_key() -> TlsKey:
    """A key on P-256."""
    return generate_private_key(SECP256R1())


def render_tls_key(key: TlsKey) -> bytes:
    """The key as it is wrapped."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def parse_tls_key(data: bytes) -> TlsKey:
    """What `render_tls_key` wrote.

    Raises:
        Misconfigured: it is anything else.
    """
    try:
        key = load_der_private_key(data, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise Misconfigured("the broker's TLS key is none", hint="restore it from a backup of the folder")
    return key


def pin_of_key(key: TlsKey) -> Digest:
    """The pin by which clients know a certificate of this key (`contract.pins.pin_of`)."""
    return digest_of(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def self_signed(key: TlsKey, *, host: str, now: float) -> x509.Certificate:
    """A certificate for `host`, a name or an address, that the key itself signs."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "symbolon broker")])
    at = datetime.fromtimestamp(int(now), UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _BEFORE)
        .not_valid_after(at + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, SHA256())
    )


def server_context(certificate: x509.Certificate, key: TlsKey) -> ssl.SSLContext:
    """What a server shows that certificate with: TLS 1.3 alone, and no session outlives its connection.

    Raises:
        Misconfigured: the key is another certificate's.
    """
    if certificate.public_key() != key.public_key():
        raise Misconfigured(
            "the broker's TLS key is not its certificate's", hint="restore both from one backup of the folder"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    context.num_tickets = 0
    password = secrets.token_hex(32)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    with open(descriptor, "wb") as memory:
        memory.write(certificate.public_bytes(Encoding.PEM) + locked)
        memory.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=password)
    return context


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
