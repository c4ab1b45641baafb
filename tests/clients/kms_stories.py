"""What an owner does with Cloud KMS by each of Google's clients: a key, its rotation, an image, and each no.

Each story is told against an emulator, and recorded there by `tests.clients.recording`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.clients.conftest import Shell

_MEMBER = (
    "principalSet://iam.googleapis.com/projects/100000000001/locations/global/workloadIdentityPools/pool"
    f"/attribute.image_digest/sha256:{'1' * 64}"
)


def gcloud_kms(shell: Shell) -> None:
    """`gcloud kms`, which checks every checksum itself."""
    for name, text in (("plain", "a data key"), ("aad", "sha256:1"), ("other", "sha256:2")):
        (shell.folder / name).write_text(text)
    ring = ("--location=us-west1", "--keyring=story-of-gcloud")
    key = (*ring, "--key=data")

    def kms(*arguments: str, code: int = 0) -> str:
        done = shell.ask("gcloud", "kms", *arguments, "--quiet", code=code)
        return done.stderr if code else done.stdout

    def shown(*arguments: str) -> Any:
        return json.loads(kms(*arguments, "--format=json"))

    def decrypt(aad: str, code: int = 0) -> str:
        files = (f"--additional-authenticated-data-file={aad}", "--ciphertext-file=sealed")
        return kms("decrypt", *key, *files, "--plaintext-file=-", code=code)

    kms("keyrings", "create", "story-of-gcloud", "--location=us-west1")
    assert "already exists" in kms("keyrings", "create", "story-of-gcloud", "--location=us-west1", code=1)
    assert len(shown("keyrings", "list", "--location=us-west1")) == 1
    schedule = ("--rotation-period=30d", "--next-rotation-time=2099-01-01T00:00:00Z")
    kms("keys", "create", "data", *ring, "--purpose=encryption", *schedule)
    assert "SOFTWARE only" in kms(
        "keys", "create", "hsm", *ring, "--purpose=encryption", "--protection-level=hsm", code=1
    )
    kms(
        "encrypt", *key, "--additional-authenticated-data-file=aad", "--plaintext-file=plain",
        "--ciphertext-file=sealed",
    )  # fmt: skip
    kms("keys", "versions", "create", *key, "--primary")
    assert decrypt("aad") == "a data key"
    assert "Decryption failed: the ciphertext is invalid." in decrypt("other", code=1)
    kms("keys", "versions", "destroy", "1", *key)
    assert "current state is: DESTROY_SCHEDULED" in decrypt("aad", code=1)
    kms("keys", "versions", "restore", "1", *key)
    kms("keys", "versions", "enable", "1", *key)
    assert decrypt("aad") == "a data key"
    (listed,) = shown("keys", "list", *ring)
    assert shown("keys", "describe", "data", *ring) == listed
    assert (listed["primary"]["name"].rpartition("/")[2], listed["rotationPeriod"]) == ("2", "2592000s")
    kms("keys", "update", "data", *ring, "--remove-rotation-schedule")
    decrypter = ("--role=roles/cloudkms.cryptoKeyDecrypter", f"--member={_MEMBER}")
    (binding,) = shown("keys", "add-iam-policy-binding", "data", *ring, *decrypter)["bindings"]
    assert binding["members"] == [_MEMBER]


def google_cloud_kms(shell: Shell) -> None:
    """Google's generated library for Python, over REST."""
    shell.run(sys.executable, Path(__file__).parent / "google_cloud_kms_story.py", "story-of-python")


STORIES: Mapping[str, Callable[[Shell], None]] = {
    "gcloud-kms": gcloud_kms,
    "google-cloud-kms": google_cloud_kms,
}
