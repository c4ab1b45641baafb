"""The throw-away certificate authority behind PKI tokens: root, intermediate and leaf, as Google has them.

The certificates are made once and kept with their keys, so that a root which was pinned stays right.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from .keys import key_id_of, load_or_make_rsa_key
from .state import reading, write_atomically

_LEAF, _INTERMEDIATE, _ROOT = "Leaf Certificate", "Intermediate CA", "Root CA"


_CHAIN = "pki-chain.pem"


def kept_root(folder: Path) -> x509.Certificate | None:
    """The root of the verifier that keeps its keys in `folder`; None where none has begun to."""
    try:
        return x509.load_pem_x509_certificates((folder / _CHAIN).read_bytes())[-1]
    except (OSError, ValueError):
        return None


class AttestationAuthority:
    """The key of the leaf, and the chain that vouches for it: leaf, intermediate, root."""

    def __init__(self, folder: Path, *, now: int) -> None:
        self.leaf_key = load_or_make_rsa_key(folder / "pki-leaf-key.pem")
        self.key_id = key_id_of(self.leaf_key.public_key())
        path = folder / _CHAIN
        if not path.exists():
            chain = _make_chain(folder, self.leaf_key, datetime.fromtimestamp(now, UTC))
            write_atomically(
                path,
                b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain),
            )
        with reading(path):
            self.chain = x509.load_pem_x509_certificates(path.read_bytes())

    @property
    def x5c(self) -> list[str]:
        """The chain as RFC 7515, section 4.1.6 writes it: base64 of DER, the leaf first."""
        return [
            base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
            for certificate in self.chain
        ]


def _make_chain(folder: Path, leaf_key: rsa.RSAPrivateKey, now: datetime) -> list[x509.Certificate]:
    root_key = load_or_make_rsa_key(folder / "pki-root-key.pem")
    intermediate_key = load_or_make_rsa_key(folder / "pki-intermediate-key.pem")
    return [
        _certify(_LEAF, leaf_key, _INTERMEDIATE, intermediate_key, now, days=365),
        _certify(_INTERMEDIATE, intermediate_key, _ROOT, root_key, now, days=3 * 365),
        _certify(_ROOT, root_key, _ROOT, root_key, now, days=10 * 365),
    ]


def _certify(
    subject: str,
    key: rsa.RSAPrivateKey,
    issuer: str,
    issuer_key: rsa.RSAPrivateKey,
    now: datetime,
    *,
    days: int,
) -> x509.Certificate:
    is_authority = subject != _LEAF
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    subject_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(subject_id, critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "symbolon emulator"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Emulated Confidential Space {common_name}"),
        ]
    )
