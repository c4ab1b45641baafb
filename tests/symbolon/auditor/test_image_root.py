"""Which root an image believes: Google's by its fingerprint, one that was given, or an emulator's."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from attestation.errors import EvidenceRejected, Misconfigured
from symbolon import platform_root
from symbolon.auditor import image_root
from symbolon.auditor.image_root import root_of
from tests.symbolon.test_platform_root import some_root


@pytest.fixture
def googles(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A root that is taken for Google's."""
    root = some_root()
    sha256 = x509.load_pem_x509_certificate(root).fingerprint(hashes.SHA256()).hex()
    monkeypatch.setattr(image_root, "ROOT_SHA256", sha256)
    monkeypatch.setattr(platform_root, "ROOT_SHA256", sha256)
    return root


def test_googles_root_in_the_image_is_known_by_its_fingerprint(googles: bytes) -> None:
    root, words = root_of(googles, given=None, emulator=False)
    assert root == googles
    assert words.startswith("Google's root, known by its fingerprint, SHA-256 ")


def test_another_root_in_the_image_is_rejected_unless_an_emulator_s_is_meant(googles: bytes) -> None:
    other = some_root()
    with pytest.raises(EvidenceRejected, match="another root than Google's"):
        root_of(other, given=None, emulator=False)
    assert root_of(other, given=None, emulator=True)[1].startswith("the image's own root, an emulator's")
    with pytest.raises(Misconfigured, match="the root is Google's"):
        root_of(googles, given=None, emulator=True)


def test_a_root_that_was_given_is_what_the_image_ought_to_believe(tmp_path: Path, googles: bytes) -> None:
    (tmp_path / "root.pem").write_bytes(googles)
    root, words = root_of(some_root(), given=str(tmp_path / "root.pem"), emulator=False)
    assert (root, words.startswith("the root of the platform that was given")) == (googles, True)


@pytest.mark.parametrize("added", [some_root(), b"# a comment\n"], ids=["another one", "a comment"])
def test_a_root_beside_something_else_is_rejected(googles: bytes, added: bytes) -> None:
    """Whoever reads the file may take the second certificate for the root."""
    with pytest.raises(EvidenceRejected, match="not one certificate and nothing else"):
        root_of(googles + added, given=None, emulator=False)


@pytest.mark.parametrize("found", [b"", b"no certificate"])
def test_what_is_no_certificate_is_rejected(found: bytes) -> None:
    with pytest.raises(EvidenceRejected, match="not one certificate"):
        root_of(found, given=None, emulator=True)


def test_an_image_without_a_root_says_so() -> None:
    with pytest.raises(EvidenceRejected, match=r"no `root\.pem`"):
        root_of(None, given=None, emulator=False)
