"""An owner's keys in the emulator's Cloud KMS, made and changed by calls of the owner's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.kms_keys import DECRYPTER, KmsKey
from deploy.google_api import KMS, GoogleApi, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the owner's; a test that changes it has one of its own."""

    api: GoogleApi
    kms: KmsKey

    def ask(self, method: str, suffix: str, body: Mapping[str, Any] | None = None, **parameters: str) -> Json:
        """The owner's own call, on the key or on what is below it."""
        url = f"{KMS}/{self.kms}{suffix}"
        return self.api.call(method, url, doing="a test", body=body, parameters=parameters)

    def bind(self, *members: str) -> None:
        """They, and nobody else, may have the key decrypt."""
        bindings = [{"role": DECRYPTER, "members": list(members)}] if members else []
        self.ask("POST", ":setIamPolicy", {"policy": {"bindings": bindings}})

    def disable(self, version: int) -> None:
        """That version neither encrypts nor decrypts."""
        self.ask("PATCH", f"/cryptoKeyVersions/{version}", {"state": "DISABLED"}, updateMask="state")

    def destroy(self, version: int) -> None:
        """That version is to be destroyed."""
        self.ask("POST", f"/cryptoKeyVersions/{version}:destroy", {})

    def rotate(self) -> str:
        """A new version encrypts from now on; its number."""
        number: str = self.ask("POST", "/cryptoKeyVersions", {})["name"].rpartition("/")[2]
        self.ask("POST", ":updatePrimaryVersion", {"cryptoKeyVersionId": number})
        return number


@dataclass(kw_only=True)
class Keys:
    """A key ring of the owner's, made with it; one that is there already is no test's own."""

    api: GoogleApi
    ring: str
    _made: int = field(default=0)

    def __post_init__(self) -> None:
        rings = f"{KMS}/projects/primus/locations/europe-west4/keyRings"
        self.api.call("POST", rings, doing="a test", parameters={"keyRingId": self.ring}, body={})

    def name(self, key: str) -> KmsKey:
        """How a key of the ring is called, whether or not there is one."""
        return KmsKey(project="primus", location="europe-west4", ring=self.ring, key=key)

    def new(self, *members: str) -> Key:
        """A key that `members` may have decrypt, beside whoever owns the project."""
        self._made += 1
        key = Key(api=self.api, kms=self.name(f"lite{self._made}"))
        ring, _, name = str(key.kms).rpartition("/cryptoKeys/")
        self.api.call(
            "POST",
            f"{KMS}/{ring}/cryptoKeys",
            doing="a test",
            parameters={"cryptoKeyId": name},
            body={"purpose": "ENCRYPT_DECRYPT"},
        )
        key.bind(*members)
        return key


def asked_of(emulator: Path, kms: KmsKey, method: str) -> list[dict[str, Any]]:
    """Who asked that of the key, granted or not, as the emulator's audit log has it."""
    entries = [json.loads(line) for line in (emulator / "audit.jsonl").read_text().splitlines()]
    mine = [entry for entry in entries if entry["resourceName"] == str(kms)]
    return [entry for entry in mine if entry["methodName"] == method]
