"""A key with its versions, and how it is kept in the state folder.

Times are seconds since the epoch, by the emulator's clock.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from ..iam.authorization import Policy
from ..state import Document

VersionState = Literal["ENABLED", "DISABLED", "DESTROYED", "DESTROY_SCHEDULED"]
STATES: Final = get_args(VersionState)
"""In the order of their numbers, from 1: google.cloud.kms.v1, `CryptoKeyVersionState`."""
TEMPLATE: Final = {"protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}
PURPOSE: Final = "ENCRYPT_DECRYPT"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVersion:
    """One version: its material encrypts, if it is the primary, and decrypts while it is enabled."""

    number: int
    state: VersionState
    created_at: float
    material: bytes = field(repr=False)
    """An AES key of 32 bytes; none at all once it is destroyed."""
    destroy_at: float | None = None
    """When it will be, or was, destroyed."""

    def render(self, key_name: str) -> Document:
        """The version as its REST resource."""
        document: Document = {
            "name": f"{key_name}/cryptoKeyVersions/{self.number}",
            "state": self.state,
            "createTime": render_time(self.created_at),
            "generateTime": render_time(self.created_at),
            **TEMPLATE,
        }
        if self.destroy_at is not None:
            when = "destroyTime" if self.state == "DESTROY_SCHEDULED" else "destroyEventTime"
            document[when] = render_time(self.destroy_at)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoKey:
    """One key: what is asked for by this name, with whatever version."""

    name: str
    key_id: bytes
    """16 bytes by which ciphertexts name the key; in another state folder, a key of this name has others."""
    created_at: float
    destroy_scheduled_s: int
    labels: Mapping[str, str]
    rotation_period_s: int | None
    next_rotation_at: float | None
    primary: int | None
    versions: tuple[KeyVersion, ...]
    """In the order of their numbers, which begin with 1 and leave none out."""
    policy: Policy

    def version(self, number: str) -> KeyVersion | None:
        """The version that has `number` in its resource name."""
        return next((each for each in self.versions if str(each.number) == number), None)

    def name_of(self, version: KeyVersion) -> str:
        """The version's resource name."""
        return f"{self.name}/cryptoKeyVersions/{version.number}"

    def render(self) -> Document:
        """The key as its REST resource, without its policy and its material."""
        document: Document = {
            "name": self.name,
            "purpose": PURPOSE,
            "createTime": render_time(self.created_at),
            "versionTemplate": dict(TEMPLATE),
            "destroyScheduledDuration": f"{self.destroy_scheduled_s}s",
        }
        if self.primary is not None:
            document["primary"] = self.versions[self.primary - 1].render(self.name)
        if self.labels:
            document["labels"] = dict(self.labels)
        if self.rotation_period_s is not None:
            document["rotationPeriod"] = f"{self.rotation_period_s}s"
        if self.next_rotation_at is not None:
            document["nextRotationTime"] = render_time(self.next_rotation_at)
        return document


def render_time(seconds: float) -> str:
    """RFC 3339, to the microsecond.

    >>> render_time(1_800_000_000)
    '2027-01-15T08:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def to_document(key: CryptoKey) -> Document:
    """The key as it is kept, with its material."""
    shallow = {each.name: getattr(key, each.name) for each in fields(key)}
    versions = [asdict(each) | {"material": _text(each.material)} for each in key.versions]
    return shallow | {"key_id": _text(key.key_id), "labels": dict(key.labels), "versions": versions}


def from_document(document: Document) -> CryptoKey:
    """What `to_document` made.

    Raises:
        ValueError, TypeError: it did not make this.
    """
    try:
        versions = tuple(
            KeyVersion(**each | {"material": base64.b64decode(each["material"])})
            for each in document["versions"]
        )
        key_id = base64.b64decode(document["key_id"])
    except LookupError as error:
        raise ValueError from error
    return CryptoKey(**document | {"key_id": key_id, "versions": versions})


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
