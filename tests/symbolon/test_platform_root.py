"""Whose root an image believes: Google's, or, when somebody says so, an emulator's."""

from __future__ import annotations

import datetime

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from attestation.errors import Misconfigured, Unavailable
from emulator.running import Running
from symbolon import platform_root
from symbolon.platform_root import check_root, published_root


def some_root() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a root")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin.replace(year=2036))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_another_root_than_googles_is_believed_only_where_an_emulator_is_meant() -> None:
    root = some_root()
    check_root(root, emulator=True)
    with pytest.raises(Misconfigured, match="not Google's") as refused:
        check_root(root, emulator=False)
    assert "--emulator" in (refused.value.hint or "")


def test_googles_root_is_no_emulators(monkeypatch: pytest.MonkeyPatch) -> None:
    root = some_root()
    fingerprint = x509.load_pem_x509_certificate(root).fingerprint(hashes.SHA256()).hex()
    monkeypatch.setattr(platform_root, "ROOT_SHA256", fingerprint)
    check_root(root, emulator=False)
    with pytest.raises(Misconfigured, match="the root is Google's"):
        check_root(root, emulator=True)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    with pytest.raises(Misconfigured, match="no certificate"):
        check_root(pem, emulator=True)


def test_the_root_is_where_the_issuer_says(through_gateway: Running) -> None:
    check_root(published_root(), emulator=True)


def test_an_issuer_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> requests.Response:
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", refuse)
    with pytest.raises(Unavailable, match="did not say which root"):
        published_root()
