"""What a ring, a key and a version are made from, and what may be changed of a key, with Google's limits.

Enums come as names, or as numbers from clients that ask for `enum-encoding=int`. What Google has and the
emulator has not is refused, and so is whatever cannot be kept.

Source: Cloud KMS API reference v1, `CryptoKey`, `CryptoKeyVersion` and their `create` and `patch`; Cloud KMS
documentation, "Destroy and restore key versions" (24 hours to 120 days) and "Labeling keys".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from ..errors import not_emulated, refuse_other_fields
from .errors import invalid
from .keys import PURPOSE, STATES, TEMPLATE, CryptoKey, VersionState

_ID = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_DURATION = re.compile(r"(\d{1,12})(?:\.0{1,9})?s")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 64
_HOUR_S = 3600
_SHOWN_ALONE = ("createTime", "name", "primary")
_SCHEDULE = ("nextRotationTime", "rotationPeriod")
_STORED = ("destroyScheduledDuration", "labels", "purpose", "versionTemplate", *_SCHEDULE)
_CHANGED = ("labels", "versionTemplate", "versionTemplate.algorithm", *_SCHEDULE)
_VERSION_SHOWN_ALONE = ("algorithm", "createTime", "generateTime", "name", "protectionLevel")
_VERSION_TIMES = ("destroyEventTime", "destroyTime")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A key that can be made."""

    destroy_scheduled_s: int
    labels: Mapping[str, str]
    rotation_period_s: int | None
    next_rotation_at: float | None


def parse_id(query: Mapping[str, str], parameter: str) -> str:
    """The ID that the query gives a new ring or key.

    Raises:
        GoogleError: 400 for one that Google does not take.
    """
    identifier = query.get(parameter, "")
    if not _ID.fullmatch(identifier):
        raise invalid(parameter, f"it has to match {_ID.pattern}")
    return identifier


def parse_flag(query: Mapping[str, str], parameter: str) -> bool:
    """A parameter that is `true` or `false`, and `false` without a word.

    Raises:
        GoogleError: 400 for any other.
    """
    text = query.get(parameter, "false").lower()
    if text not in ("true", "false"):
        raise invalid(parameter, "it is true or false")
    return text == "true"


def check_view(query: Mapping[str, str], parameter: str) -> None:
    """Either view of a version is the same here: what the full one has besides, HSMs alone write.

    Raises:
        GoogleError: 400 for any other view.
    """
    views = ("CRYPTO_KEY_VERSION_VIEW_UNSPECIFIED", "FULL")
    if query.get(parameter, views[0]) not in (*views, "0", "1"):
        raise invalid(parameter, f"it is {' or '.join(views)}")


def parse_key(body: Mapping[str, Any], now: float) -> KeyRequest:
    """The key that `body` describes.

    Raises:
        GoogleError: 400 for what Google does not take, and for what the emulator has not.
    """
    _refuse_other_fields(body)
    if not body.get("purpose"):
        raise invalid("crypto_key.purpose", "it is required")
    if _enum(body["purpose"], (PURPOSE,)) is None:
        raise not_emulated(f"the emulator has keys of the purpose {PURPOSE} only")
    _check_template(body.get("versionTemplate"))
    duration = body.get("destroyScheduledDuration")
    period, after = _parse_schedule(body, now)
    _check_schedule(period, after)
    return KeyRequest(
        destroy_scheduled_s=_parse_duration(
            "destroy_scheduled_duration", duration or "2592000s", 24 * _HOUR_S, 120 * 24 * _HOUR_S
        ),
        labels=_parse_labels(body.get("labels")),
        rotation_period_s=period,
        next_rotation_at=after,
    )


def apply_patch(key: CryptoKey, body: Mapping[str, Any], mask: str, now: float) -> CryptoKey:
    """The key with what `body` says of each field of the mask; of a field it does not name, nothing is left.

    Raises:
        GoogleError: 400 for a field that cannot be changed, or has a value that Google does not take.
    """
    paths = [_camel_case(path) for path in mask.split(",") if path]
    if not paths:
        raise invalid("update_mask", "it names what is changed")
    for path in paths:
        if path not in _CHANGED:
            raise invalid("update_mask", f"{path[:60]} cannot be changed")
    _refuse_other_fields(body)
    if any(path.startswith("versionTemplate") for path in paths):
        _check_template(body.get("versionTemplate"))
    if "labels" in paths:
        key = replace(key, labels=_parse_labels(body.get("labels")))
    if any(path in _SCHEDULE for path in paths):
        period, after = _parse_schedule({each: body.get(each) for each in paths if each in _SCHEDULE}, now)
        if "rotationPeriod" in paths:
            key = replace(key, rotation_period_s=period)
        if "nextRotationTime" in paths:
            key = replace(key, next_rotation_at=after)
        _check_schedule(key.rotation_period_s, key.next_rotation_at)
    return key


def parse_new_version(body: Mapping[str, Any]) -> VersionState:
    """The state in which a new version begins.

    Raises:
        GoogleError: 400 for any but enabled and disabled, and for external and imported versions.
    """
    _refuse_other_fields_of_versions(body)
    return _parse_state(body["state"]) if body.get("state") else "ENABLED"


def parse_version_patch(body: Mapping[str, Any], mask: str) -> VersionState:
    """The state that a version is to have: nothing else of it can be changed.

    Raises:
        GoogleError: 400.
    """
    _refuse_other_fields_of_versions(body)
    if mask != "state":
        raise invalid("update_mask", "the state of a key version can be changed, and nothing else")
    return _parse_state(body.get("state"))


def parse_primary(body: Mapping[str, Any]) -> str:
    """The number of the version that is to be the primary.

    Raises:
        GoogleError: 400 where there is none.
    """
    number = body.get("cryptoKeyVersionId")
    if not isinstance(number, str) or not number:
        raise invalid("crypto_key_version_id", "it is required")
    return number


def _refuse_other_fields(body: Mapping[str, Any]) -> None:
    refuse_other_fields(body, (*_STORED, *_SHOWN_ALONE), "keys")
    # An empty one would admit no reason at all.
    if body.get("keyAccessJustificationsPolicy") is not None:
        raise not_emulated("the emulator does not have `keyAccessJustificationsPolicy` of keys")


def _refuse_other_fields_of_versions(body: Mapping[str, Any]) -> None:
    refuse_other_fields(body, ("state", *_VERSION_SHOWN_ALONE, *_VERSION_TIMES), "key versions")


def _check_template(template: object) -> None:
    if template is None:
        return
    if not isinstance(template, Mapping):
        raise invalid("crypto_key.version_template", "it is an object")
    for field, only in TEMPLATE.items():
        value = template.get(field)
        if value and _enum(value, (only,)) is None:
            raise not_emulated(f"the emulator has key versions of the {_words(field)} {only} only")
    refuse_other_fields(template, tuple(TEMPLATE), "version templates")


def _parse_schedule(body: Mapping[str, Any], now: float) -> tuple[int | None, float | None]:
    """Rotation period and next time, each where it is given."""
    period, after = body.get("rotationPeriod"), body.get("nextRotationTime")
    period_s = _parse_duration("rotation_period", period, 24 * _HOUR_S, 876_000 * _HOUR_S) if period else None
    return period_s, _parse_time("next_rotation_time", after, now) if after else None


def _check_schedule(period_s: int | None, next_at: float | None) -> None:
    if period_s is not None and next_at is None:
        raise invalid("crypto_key.next_rotation_time", "it is set wherever a rotation period is")


def _parse_duration(field: str, value: object, least_s: int, most_s: int) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not least_s <= int(match[1]) <= most_s:
        raise invalid(f"crypto_key.{field}", f"it is whole seconds, {least_s}s to {most_s}s")
    return int(match[1])


def _parse_time(field: str, value: object, now: float) -> float:
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise invalid(f"crypto_key.{field}", "it is a time in the form of RFC 3339")
    if when.timestamp() <= now:
        raise invalid(f"crypto_key.{field}", "it is in the past")
    return when.timestamp()


def _parse_labels(labels: object) -> dict[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, Mapping) or len(labels) > _MOST_LABELS:
        raise invalid("crypto_key.labels", f"they are an object of at most {_MOST_LABELS}")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            raise invalid("crypto_key.labels", "a label has lower-case letters, digits, _ and -, 63 at most")
    return dict(labels)


def _parse_state(value: object) -> VersionState:
    state = _enum(value, STATES)
    if state not in ("ENABLED", "DISABLED"):
        raise invalid("crypto_key_version.state", "it is ENABLED or DISABLED")
    return cast(VersionState, state)


def _enum(value: object, names: Sequence[str]) -> str | None:
    """The name that `value` is, or is the number of, counted from 1; None where it is neither."""
    if type(value) is int and 1 <= value <= len(names):
        return names[value - 1]
    return value if isinstance(value, str) and value in names else None


def _camel_case(path: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), path.strip())


def _words(field: str) -> str:
    return re.sub(r"([A-Z])", lambda match: f" {match[1].lower()}", field)
