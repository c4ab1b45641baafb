"""Keys, certificates and tokens of our own, made in the test session."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from attestation.issuer import ISSUER
from tests.tokens import production_claims

NOW = 1_800_000_000
AUDIENCE = "https://sts.googleapis.com"
DAY_S = 86_400

Json = Mapping[str, object]


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key a name, the same for the whole session."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def rs256(key: rsa.RSAPrivateKey, data: bytes) -> bytes:
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def signed(header: Json | bytes, claims: Json | bytes, key: rsa.RSAPrivateKey) -> str:
    """A token in compact form; bytes stand for themselves, so that they need not be JSON."""
    parts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims))
    signing_input = ".".join(base64url(part) for part in parts)
    return f"{signing_input}.{base64url(rs256(key, signing_input.encode()))}"


def jwk(kid: str, key: rsa.RSAPublicKey) -> dict[str, object]:
    numbers = key.public_numbers()
    return {
        "kty": "RSA",
        "kid": kid,
        "use": "sig",
        "alg": "RS256",
        "n": base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
        "e": base64url(numbers.e.to_bytes(3, "big")),
    }


def smallest_claims() -> dict[str, object]:
    """What every token has, at its own time `NOW`."""
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/vm",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3600,
    }


def every_claim() -> dict[str, object]:
    """A token of a TDX machine with a GPU, in which no claim is left out."""
    token = production_claims() | smallest_claims()
    token["submods"]["container"] |= {
        "env": {"PATH": "/usr/bin", "TOP_K": "5"},
        "env_override": {"TOP_K": "5"},
        "cmd_override": ["--verbose"],
    }
    token["submods"]["nvidia_gpu"] = {
        "cc_mode": "ON",
        "cc_feature": "SPT",
        "gpus": [
            {
                "hwmodel": "GCP_NVIDIA_H100",
                "driver_version": "550.90.07",
                "vbios_version": "96.00.9F.00.04",
                "ueid": "480632578339123519612",
            }
        ],
    }
    return token | {
        "eat_nonce": ["nonce-of-eight", "another-nonce"],
        "eat_profile": "https://cloud.google.com/confidential-computing/profile",
        "hwmodel": "GCP_INTEL_TDX",
        "attester_tcb": ["INTEL"],
        "tdx": {
            "gcp_attester_tcb_status": "UpToDate",
            "gcp_attester_tcb_date": "2024-03-13T00:00:00Z",
        },
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePlan:
    """A certificate to be made; a row of a reject table changes one field of one of them."""

    subject: str
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    issuer: str
    issuer_key: rsa.RSAPrivateKey
    is_authority: bool | None  # None: without the extension
    usage: Literal["certificates", "tokens"] | None  # None: without the extension
    path_length: int | None = None
    begins_at: int = NOW - DAY_S
    ends_at: int = NOW + DAY_S
    critical_extension: bool = False
    extension: tuple[x509.ExtensionType, bool] | None = None  # one more, and whether it is critical
    with_pss: bool = False
    hashed: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512 = field(
        default_factory=hashes.SHA256
    )

    def make(self) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name_of(self.subject))
            .issuer_name(name_of(self.issuer))
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(datetime.fromtimestamp(self.begins_at, UTC))
            .not_valid_after(datetime.fromtimestamp(self.ends_at, UTC))
        )
        if self.is_authority is not None:
            constraints = x509.BasicConstraints(ca=self.is_authority, path_length=self.path_length)
            builder = builder.add_extension(constraints, critical=True)
        if self.usage is not None:
            builder = builder.add_extension(key_usage(self.usage), critical=True)
        if self.critical_extension:
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
            builder = builder.add_extension(unknown, critical=True)
        if self.extension is not None:
            value, critical = self.extension
            builder = builder.add_extension(value, critical=critical)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return builder.sign(self.issuer_key, self.hashed, rsa_padding=pss if self.with_pss else None)


def root_plan() -> CertificatePlan:
    return CertificatePlan(
        subject="root",
        key=rsa_key("root"),
        issuer="root",
        issuer_key=rsa_key("root"),
        is_authority=True,
        usage="certificates",
    )


def intermediate_plan() -> CertificatePlan:
    return CertificatePlan(
        subject="intermediate",
        key=rsa_key("intermediate"),
        issuer="root",
        issuer_key=rsa_key("root"),
        is_authority=True,
        usage="certificates",
    )


def leaf_plan() -> CertificatePlan:
    return CertificatePlan(
        subject="leaf",
        key=rsa_key("leaf"),
        issuer="intermediate",
        issuer_key=rsa_key("intermediate"),
        is_authority=False,
        usage="tokens",
    )


def x5c_of(*certificates: x509.Certificate) -> list[object]:
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode("ascii") for one in certificates]


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_usage(usage: Literal["certificates", "tokens"]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=usage == "tokens",
        key_cert_sign=usage == "certificates",
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
