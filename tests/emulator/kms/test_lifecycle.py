"""Rotation by the clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from emulator.iam.authorization import empty_policy
from emulator.kms.keys import CryptoKey
from emulator.kms.lifecycle import add_version, settle
from tests.emulator.kms.conftest import DAY_S, FIRST, KEY, RING, SECOND, SYMMETRIC

T0 = 1_800_000_000.0
UNSCHEDULED = add_version(
    CryptoKey(
        name="k",
        key_id=bytes(16),
        created_at=T0,
        destroy_scheduled_s=DAY_S,
        labels={},
        rotation_period_s=None,
        next_rotation_at=None,
        primary=1,
        versions=(),
        policy=empty_policy(),
    ),
    T0,
)


def test_a_key_without_a_schedule_stays_as_it_is() -> None:
    assert settle(UNSCHEDULED, T0 + 1e9) == UNSCHEDULED


def test_a_rotation_is_due_at_its_second_and_sets_the_next_one() -> None:
    key = replace(UNSCHEDULED, rotation_period_s=DAY_S, next_rotation_at=T0 + 10)
    assert settle(key, T0 + 9.999) == key
    rotated = settle(key, T0 + 10)
    assert (rotated.primary, len(rotated.versions)) == (2, 2)
    assert rotated.versions[1].created_at == T0 + 10
    assert rotated.next_rotation_at == T0 + 10 + DAY_S
    assert settle(rotated, T0 + 10) == rotated


def test_whoever_was_away_finds_a_version_for_each_rotation_that_was_due() -> None:
    key = replace(UNSCHEDULED, rotation_period_s=DAY_S, next_rotation_at=T0 + DAY_S)
    rotated = settle(key, T0 + 3.5 * DAY_S)
    assert [each.created_at for each in rotated.versions] == [T0 + days * DAY_S for days in range(4)]
    assert (rotated.primary, rotated.next_rotation_at) == (4, T0 + 4 * DAY_S)
    assert len({each.material for each in rotated.versions}) == 4


def test_a_rotation_without_a_period_happens_once() -> None:
    rotated = settle(replace(UNSCHEDULED, next_rotation_at=T0 + 10), T0 + 1e9)
    assert (rotated.primary, len(rotated.versions), rotated.next_rotation_at) == (2, 2, None)


def test_no_two_versions_have_the_same_material_and_none_shows_it() -> None:
    key = add_version(UNSCHEDULED, T0)
    first, second = (each.material for each in key.versions)
    assert (len(first), len(second), first == second) == (32, 32, False)
    assert repr(first) not in repr(key)


def test_a_schedule_is_kept_while_people_encrypt_and_decrypt(ring: Any, clock: Any) -> None:
    ring.made(
        f"{RING}/cryptoKeys?cryptoKeyId=key",
        {**SYMMETRIC, "rotationPeriod": "86400s", "nextRotationTime": "2027-01-16T08:00:00Z"},
    )
    old = ring.encrypt(b"data").json
    assert old["name"] == FIRST
    clock.now += DAY_S
    assert ring.encrypt(b"data").json["name"] == SECOND
    shown = ring.get(KEY)
    assert (shown["primary"]["name"], shown["nextRotationTime"]) == (SECOND, "2027-01-17T08:00:00Z")
    assert "usedPrimary" not in ring.decrypt(old["ciphertext"]).json
    clock.now += DAY_S
    assert [each["primary"]["name"] for each in ring.get(f"{RING}/cryptoKeys")["cryptoKeys"]] == [
        f"{KEY}/cryptoKeyVersions/3"
    ]
