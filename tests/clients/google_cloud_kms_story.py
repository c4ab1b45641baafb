"""What an owner does with Cloud KMS by google-cloud-kms: python google_cloud_kms_story.py RING."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import google_crc32c
from google.api_core.exceptions import BadRequest
from google.cloud import kms_v1

_MEMBER = (
    "principalSet://iam.googleapis.com/projects/100000000001/locations/global/workloadIdentityPools/pool"
    f"/attribute.image_digest/sha256:{'1' * 64}"
)
_DATA, _AAD = b"a data key", b"sha256:1"
_STATES = kms_v1.CryptoKeyVersion.CryptoKeyVersionState


def main(ring_id: str) -> None:
    """A key is made, used, rotated, given to an image, disabled, destroyed and restored."""
    with kms_v1.KeyManagementServiceClient(transport="rest") as client:
        location = "projects/primus/locations/europe-west1"
        ring = client.create_key_ring(parent=location, key_ring_id=ring_id, key_ring=kms_v1.KeyRing())
        assert [each.name for each in client.list_key_rings(parent=location)] == [ring.name]
        wanted = kms_v1.CryptoKey(
            purpose=kms_v1.CryptoKey.CryptoKeyPurpose.ENCRYPT_DECRYPT,
            version_template={"algorithm": 1, "protection_level": kms_v1.ProtectionLevel.SOFTWARE},
            rotation_period=timedelta(days=30),
            next_rotation_time=datetime(2099, 1, 1, tzinfo=UTC),
            destroy_scheduled_duration=timedelta(days=2),
            labels={"team": "blue"},
        )
        key = client.create_crypto_key(parent=ring.name, crypto_key_id="data", crypto_key=wanted)
        assert key.primary.state == _STATES.ENABLED
        assert key.rotation_period == timedelta(days=30)
        sealed = encrypt(client, key.name)
        version = client.create_crypto_key_version(
            parent=key.name, crypto_key_version=kms_v1.CryptoKeyVersion()
        )
        client.update_crypto_key_primary_version(name=key.name, crypto_key_version_id="2")
        assert encrypt(client, key.name).name == version.name
        opened = decrypt(client, key.name, sealed.ciphertext)
        assert (opened.plaintext, opened.used_primary) == (_DATA, False)
        assert opened.plaintext_crc32c == google_crc32c.value(_DATA)
        refusals(client, key.name, sealed.ciphertext)
        first = client.destroy_crypto_key_version(name=sealed.name)
        assert first.state == _STATES.DESTROY_SCHEDULED
        restored = client.restore_crypto_key_version(name=first.name)
        change_state(client, restored.name, _STATES.ENABLED)
        assert decrypt(client, key.name, sealed.ciphertext).plaintext == _DATA
        versions = client.list_crypto_key_versions(parent=key.name)
        assert [each.state for each in versions] == [_STATES.ENABLED, _STATES.ENABLED]
        client.update_crypto_key(request={"crypto_key": {"name": key.name}, "update_mask": _mask("labels")})
        assert not client.get_crypto_key(name=key.name).labels
        policy = client.get_iam_policy(request={"resource": key.name})
        policy.bindings.add(role="roles/cloudkms.cryptoKeyDecrypter", members=[_MEMBER])
        client.set_iam_policy(request={"resource": key.name, "policy": policy})
        asked = {"resource": key.name, "permissions": ["cloudkms.cryptoKeyVersions.useToDecrypt"]}
        assert client.test_iam_permissions(request=asked).permissions == asked["permissions"]


def encrypt(client: Any, name: str) -> Any:
    """What the key makes of the data, every checksum compared."""
    request = {
        "name": name,
        "plaintext": _DATA,
        "plaintext_crc32c": google_crc32c.value(_DATA),
        "additional_authenticated_data": _AAD,
        "additional_authenticated_data_crc32c": google_crc32c.value(_AAD),
    }
    answer = client.encrypt(request=request)
    assert answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
    assert answer.ciphertext_crc32c == google_crc32c.value(answer.ciphertext)
    return answer


def decrypt(client: Any, name: str, ciphertext: bytes, **other: Any) -> Any:
    """What the key makes of the ciphertext."""
    request = {
        "name": name,
        "ciphertext": ciphertext,
        "ciphertext_crc32c": google_crc32c.value(ciphertext),
        "additional_authenticated_data": _AAD,
    }
    return client.decrypt(request=request | other)


def change_state(client: Any, name: str, state: Any) -> None:
    """The version is enabled, or disabled."""
    version = {"name": name, "state": state}
    client.update_crypto_key_version(request={"crypto_key_version": version, "update_mask": _mask("state")})


def _mask(field: str) -> dict[str, list[str]]:
    return {"paths": [field]}


def refusals(client: Any, name: str, ciphertext: bytes) -> None:
    """Other additional data, another checksum, and a version that is disabled."""
    other_aad = {"additional_authenticated_data": b"sha256:2"}
    refused(client, name, ciphertext, other_aad, "Decryption failed: the ciphertext is invalid.")
    refused(
        client, name, ciphertext, {"ciphertext_crc32c": 1}, "The checksum in field ciphertext_crc32c did not"
    )
    change_state(client, f"{name}/cryptoKeyVersions/1", _STATES.DISABLED)
    refused(client, name, ciphertext, {}, "is not enabled, current state is: DISABLED.")


def refused(client: Any, name: str, ciphertext: bytes, other: Mapping[str, Any], sentence: str) -> None:
    """The call is refused in these words; over REST, the library has one class for every 400."""
    try:
        decrypt(client, name, ciphertext, **other)
    except BadRequest as answer:
        assert sentence in answer.message, answer.message
    else:
        raise AssertionError(f"nobody said: {sentence}")


if __name__ == "__main__":
    main(*sys.argv[1:])
