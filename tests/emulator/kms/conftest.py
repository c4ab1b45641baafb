"""A key of the owner's, and whoever asks for something of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import pytest

HOST = "https://cloudkms.googleapis.com/v1/"
RING = "projects/primus/locations/global/keyRings/ring"
KEY = f"{RING}/cryptoKeys/key"
FIRST, SECOND = f"{KEY}/cryptoKeyVersions/1", f"{KEY}/cryptoKeyVersions/2"
SYMMETRIC = {"purpose": "ENCRYPT_DECRYPT"}
DAY_S = 86_400


@dataclass(kw_only=True)
class Kms:
    """Cloud KMS in this process, as somebody calls it."""

    platform: Any = field(repr=False)

    def call(self, method: str, name: str, body: object = None, *, by: str = "owner") -> Any:
        """The answer, of whatever status."""
        return self.platform.call(method, HOST + name, body, by=by)

    def made(self, name: str, body: object) -> Any:
        """What a `POST` made."""
        answer = self.call("POST", name, body)
        assert answer.status == 200, answer.text
        return answer.json

    def get(self, name: str) -> Any:
        """What is there by that name."""
        answer = self.call("GET", name)
        assert answer.status == 200, answer.text
        return answer.json

    def encrypt(self, plaintext: bytes, aad: bytes = b"", *, by: str = "owner", name: str = KEY) -> Any:
        """The answer of `encrypt`."""
        return self.call("POST", f"{name}:encrypt", {"plaintext": b64(plaintext), **_aad(aad)}, by=by)

    def decrypt(self, ciphertext: str, aad: bytes = b"", *, by: str = "owner", name: str = KEY) -> Any:
        """The answer of `decrypt`."""
        return self.call("POST", f"{name}:decrypt", {"ciphertext": ciphertext, **_aad(aad)}, by=by)

    def grant(self, role: str, member: str, *, on: str = KEY) -> None:
        """`member` has `role` on a ring or a key, and nobody has anything else there."""
        self.made(f"{on}:setIamPolicy", {"policy": {"bindings": [{"role": role, "members": [member]}]}})


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _aad(aad: bytes) -> dict[str, str]:
    return {"additionalAuthenticatedData": b64(aad)} if aad else {}


def said(answer: Any) -> tuple[int, str, str]:
    """Status, Google's word for it, and the sentence of an error."""
    error = answer.json["error"]
    return answer.status, error["status"], error["message"]


@pytest.fixture
def kms(platform: Any) -> Kms:
    """Cloud KMS without a ring."""
    return Kms(platform=platform)


@pytest.fixture
def ring(kms: Kms) -> Kms:
    """Cloud KMS with the ring `ring`."""
    kms.made("projects/primus/locations/global/keyRings?keyRingId=ring", {})
    return kms


@pytest.fixture
def key(ring: Kms) -> Kms:
    """Cloud KMS with the key `key`, whose versions are destroyed after two days."""
    ring.made(f"{RING}/cryptoKeys?cryptoKeyId=key", {**SYMMETRIC, "destroyScheduledDuration": "172800s"})
    return ring
