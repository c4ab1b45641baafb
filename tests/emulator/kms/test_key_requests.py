"""What a key can be made from, by Google's limits and by what the emulator has."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.errors import GoogleError
from emulator.kms.key_requests import parse_flag, parse_key, parse_new_version, parse_version_patch

NOW = 1_800_000_000.0
TEMPLATE = {"protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}
SCHEDULE = {"rotationPeriod": "86400s", "nextRotationTime": "2027-02-15T08:00:00Z"}


def key(**fields: Any) -> dict[str, Any]:
    return {"purpose": "ENCRYPT_DECRYPT", **fields}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(key(), id="a purpose alone"),
        pytest.param(key(versionTemplate=TEMPLATE), id="names"),
        pytest.param(
            {"purpose": 1, "versionTemplate": {"protectionLevel": 1, "algorithm": 1}}, id="numbers of enums"
        ),
        pytest.param(key(versionTemplate={"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}), id="half a template"),
        pytest.param(key(importOnly=False, cryptoKeyBackend="", labels={}), id="fields that ask for nothing"),
        pytest.param(key(name="x", createTime="y", primary={}), id="fields that Google gives"),
        pytest.param(
            key(rotationPeriod="3153600000s", nextRotationTime="2027-02-15T08:00:00Z"), id="a century"
        ),
        pytest.param(key(destroyScheduledDuration="86400.000s"), id="a day, in another spelling"),
        pytest.param(key(destroyScheduledDuration="10368000s"), id="120 days"),
        pytest.param(key(nextRotationTime="2027-02-15T09:00:00.123456789+01:00"), id="a time elsewhere"),
        pytest.param(key(labels={"a" * 63: "_" * 63, "b": ""}), id="long labels"),
    ],
)
def test_a_key_that_can_be_made(body: Any) -> None:
    assert parse_key(body, NOW).destroy_scheduled_s in (30 * 86400, 120 * 86400, 86400)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param({}, "Invalid value at 'crypto_key.purpose'", id="no purpose"),
        pytest.param({"purpose": "ASYMMETRIC_SIGN"}, "of the purpose ENCRYPT_DECRYPT only", id="signing"),
        pytest.param(
            {"purpose": 5}, "of the purpose ENCRYPT_DECRYPT only", id="the number of another purpose"
        ),
        pytest.param({"purpose": True}, "of the purpose ENCRYPT_DECRYPT only", id="a purpose that is none"),
        pytest.param(
            key(versionTemplate={"protectionLevel": "HSM"}), "protection level SOFTWARE only", id="an HSM"
        ),
        pytest.param(
            key(versionTemplate={"protectionLevel": 2}), "protection level SOFTWARE only", id="HSM, 2"
        ),
        pytest.param(
            key(versionTemplate={"algorithm": "AES_256_GCM"}),
            "algorithm GOOGLE_SYMMETRIC_ENCRYPTION only",
            id="another algorithm",
        ),
        pytest.param(
            key(versionTemplate={"more": 1}), "`more` of version templates", id="more in a template"
        ),
        pytest.param(key(versionTemplate="x"), "it is an object", id="a template that is none"),
        pytest.param(key(rotationPeriod="86400s"), "next_rotation_time'", id="a period without a time"),
        pytest.param(key(**SCHEDULE | {"rotationPeriod": "86399s"}), "rotation_period'", id="under a day"),
        pytest.param(
            key(**SCHEDULE | {"rotationPeriod": "3153600001s"}), "rotation_period'", id="over a century"
        ),
        pytest.param(key(**SCHEDULE | {"rotationPeriod": "1d"}), "rotation_period'", id="days"),
        pytest.param(key(**SCHEDULE | {"rotationPeriod": 86400}), "rotation_period'", id="a number"),
        pytest.param(key(nextRotationTime="tomorrow"), "RFC 3339", id="a time that is none"),
        pytest.param(key(nextRotationTime="2027-02-15T08:00:00"), "RFC 3339", id="a time of no zone"),
        pytest.param(key(nextRotationTime=1_900_000_000), "RFC 3339", id="a time that is a number"),
        pytest.param(key(nextRotationTime="2027-01-15T08:00:00Z"), "in the past", id="now"),
        pytest.param(
            key(destroyScheduledDuration="86399s"), "destroy_scheduled_duration'", id="destroyed soon"
        ),
        pytest.param(key(destroyScheduledDuration="10368001s"), "destroy_scheduled_duration'", id="late"),
        pytest.param(key(labels={"a": 1}), "labels'", id="a label that is a number"),
        pytest.param(key(labels={"1a": ""}), "labels'", id="a label's key that begins with a digit"),
        pytest.param(key(labels={f"a{n}": "" for n in range(65)}), "labels'", id="65 labels"),
        pytest.param(key(labels=["a"]), "labels'", id="a list of labels"),
        pytest.param(key(importOnly=True), "`importOnly` of keys", id="imported versions only"),
        pytest.param(key(cryptoKeyBackend="x"), "`cryptoKeyBackend` of keys", id="a backend"),
        pytest.param(
            key(keyAccessJustificationsPolicy={}),
            "`keyAccessJustificationsPolicy` of keys",
            id="no reason admitted",
        ),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_with_a_sentence(body: Any, sentence: str) -> None:
    with pytest.raises(GoogleError) as refused:
        parse_key(body, NOW)
    assert refused.value.http_status == 400
    assert sentence in refused.value.message


@pytest.mark.parametrize("value", ["ENABLED", "DISABLED", 1, 2])
def test_a_version_is_enabled_or_disabled_by_name_or_number(value: object) -> None:
    state = {1: "ENABLED", 2: "DISABLED"}.get(value, value)  # type: ignore[call-overload]
    assert parse_version_patch({"state": value}, "state") == state
    assert parse_new_version({"state": value}) == state


@pytest.mark.parametrize(
    ("body", "mask"),
    [
        ({"state": "DESTROYED"}, "state"),
        ({"state": 3}, "state"),
        ({"state": "DESTROY_SCHEDULED"}, "state"),
        ({"state": "enabled"}, "state"),
        ({}, "state"),
        ({"state": "ENABLED"}, ""),
        ({"state": "ENABLED"}, "state,algorithm"),
        ({"state": "ENABLED"}, "externalProtectionLevelOptions"),
    ],
)
def test_nothing_else_of_a_version_is_changed_so(body: Any, mask: str) -> None:
    with pytest.raises(GoogleError) as refused:
        parse_version_patch(body, mask)
    assert refused.value.http_status == 400


@pytest.mark.parametrize(
    "body", [{"state": "PENDING_IMPORT"}, {"externalProtectionLevelOptions": {"externalKeyUri": "x"}}]
)
def test_a_version_of_another_kind_is_refused(body: Any) -> None:
    with pytest.raises(GoogleError) as refused:
        parse_new_version(body)
    assert refused.value.http_status == 400


def test_a_flag_is_true_or_false() -> None:
    given = [parse_flag({"a": text}, "a") for text in ("true", "True", "false")]
    assert (given, parse_flag({}, "a")) == ([True, True, False], False)
    with pytest.raises(GoogleError, match="it is true or false"):
        parse_flag({"a": "yes"}, "a")
