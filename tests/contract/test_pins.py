"""A server is known by the SHA-256 of its key, whatever its certificate says."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contract.pins import CertificateMalformed, pin_of
from release.tls import new_tls_key, self_signed

NOW = 1_800_000_000


def test_a_pin_is_of_the_key_and_not_of_the_certificate() -> None:
    key, other = new_tls_key(), new_tls_key()
    first = self_signed(key, host="broker.example", now=NOW)
    again = self_signed(key, host="127.0.0.1", now=NOW + 86_400)
    foreign = self_signed(other, host="broker.example", now=NOW)
    pins = [pin_of(each.public_bytes(Encoding.DER)) for each in (first, again, foreign)]
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert pins[0] == pins[1] == "sha256:" + hashlib.sha256(spki).hexdigest()
    assert pins[2] != pins[0]


def test_openssl_says_the_same_of_a_certificate(tmp_path: Path) -> None:
    certificate = self_signed(new_tls_key(), host="broker.example", now=NOW)
    (tmp_path / "c.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    public = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "c.pem", "-pubkey", "-noout"], check=True, capture_output=True
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, check=True, capture_output=True
    ).stdout
    assert pin_of(certificate.public_bytes(Encoding.DER)) == "sha256:" + hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("data", [b"", b"\x30\x03\x02\x01\x01", b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_has_no_pin(data: bytes) -> None:
    with pytest.raises(CertificateMalformed) as refused:
        pin_of(data)
    assert refused.value.code == "certificate-malformed"
