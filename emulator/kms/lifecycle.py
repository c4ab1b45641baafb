"""What becomes of a key's versions: rotation, destruction by the clock, and each change of state.

Every function makes another key of one, and keeps nothing. What is due is done by `settle`: the emulator asks
it at its start and before every answer, so that nobody sees a version after its time.

Source: Cloud KMS documentation, "Key version states" and "Key rotation"; API reference v1, `CryptoKey`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace

from .errors import wrong_state
from .keys import CryptoKey, KeyVersion, VersionState

_MATERIAL_BYTES = 32
_WORDS: Mapping[VersionState, str] = {
    "ENABLED": "enabled",
    "DISABLED": "disabled",
    "DESTROY_SCHEDULED": "scheduled for destruction",
    "DESTROYED": "destroyed",
}


def settle(key: CryptoKey, now: float) -> CryptoKey:
    """The key at `now`: each rotation that was due has a version of its own, and what was to be destroyed is.

    A key whose rotation is scheduled without a period is rotated once.
    """
    while (due := key.next_rotation_at) is not None and due <= now:
        key = add_version(key, due)
        after = None if key.rotation_period_s is None else due + key.rotation_period_s
        key = replace(key, primary=len(key.versions), next_rotation_at=after)
    return replace(key, versions=tuple(_destroy_if_due(each, now) for each in key.versions))


def _destroy_if_due(version: KeyVersion, now: float) -> KeyVersion:
    if version.state != "DESTROY_SCHEDULED" or version.destroy_at is None or version.destroy_at > now:
        return version
    return replace(version, state="DESTROYED", material=b"")


def add_version(key: CryptoKey, now: float, state: VersionState = "ENABLED") -> CryptoKey:
    """The key with one more version, the last, which is not its primary for that."""
    version = KeyVersion(
        number=len(key.versions) + 1,
        state=state,
        created_at=now,
        material=secrets.token_bytes(_MATERIAL_BYTES),
    )
    return replace(key, versions=(*key.versions, version))


def make_primary(key: CryptoKey, version: KeyVersion) -> CryptoKey:
    """`version` encrypts from now on.

    Raises:
        GoogleError: 400, where it is not enabled.
    """
    require_state(key, version, "ENABLED")
    return replace(key, primary=version.number)


def change_state(key: CryptoKey, version: KeyVersion, state: VersionState) -> CryptoKey:
    """`version` is enabled or disabled; one that is so already stays so.

    Raises:
        GoogleError: 400, where it is scheduled for destruction, or destroyed.
    """
    require_state(key, version, "ENABLED", "DISABLED")
    return _put(key, replace(version, state=state))


def schedule_destruction(key: CryptoKey, version: KeyVersion, now: float) -> CryptoKey:
    """`version` cannot be used, and will be destroyed once the key's duration is over.

    Raises:
        GoogleError: 400, where that is so already.
    """
    require_state(key, version, "ENABLED", "DISABLED")
    when = now + key.destroy_scheduled_s
    return _put(key, replace(version, state="DESTROY_SCHEDULED", destroy_at=when))


def restore(key: CryptoKey, version: KeyVersion) -> CryptoKey:
    """`version` will not be destroyed, and is disabled.

    Raises:
        GoogleError: 400, where it was not scheduled for destruction, or is destroyed.
    """
    require_state(key, version, "DESTROY_SCHEDULED")
    return _put(key, replace(version, state="DISABLED", destroy_at=None))


def require_state(key: CryptoKey, version: KeyVersion, *states: VersionState) -> None:
    """`version` is in one of these states.

    Raises:
        GoogleError: 400 `FAILED_PRECONDITION`, which names the state it is in.
    """
    if version.state not in states:
        wanted = " or ".join(_WORDS[state] for state in states)
        raise wrong_state(key.name_of(version), version.state, wanted=wanted)


def _put(key: CryptoKey, version: KeyVersion) -> CryptoKey:
    before, after = key.versions[: version.number - 1], key.versions[version.number :]
    return replace(key, versions=(*before, version, *after))
