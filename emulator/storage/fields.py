"""Which fields of a bucket and of an object a client may set here: what is set is kept and honoured.

A field that the emulator does not keep is refused unless its value says nothing, e.g. `false`, `[]` or a
rule-less `lifecycle`: an answer of 200 that dropped it would be believed.

Source: discovery document of storage v1, `Bucket` and `Object`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..state import Document
from .errors import absent, invalid, no_acls

STORAGE_CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")

_SHOWN_OF_BUCKETS = frozenset(
    {
        "etag", "generation", "hardDeleteTime", "id", "kind", "locationType", "metageneration", "owner",
        "projectNumber", "satisfiesPZI", "satisfiesPZS", "selfLink", "softDeleteTime", "timeCreated",
        "updated",
    }
)  # fmt: skip
_SHOWN_OF_OBJECTS = frozenset(
    {
        "bucket", "componentCount", "crc32c", "etag", "generation", "hardDeleteTime", "id", "kind", "md5Hash",
        "mediaLink", "metageneration", "name", "owner", "retentionExpirationTime", "selfLink", "size",
        "softDeleteTime", "timeCreated", "timeDeleted", "timeFinalized", "timeStorageClassUpdated", "updated",
    }
)  # fmt: skip
"""Google's to set, and ignored where a client sends back what it read, as Google does."""

_TEXTS_OF_OBJECTS = frozenset(
    {"cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType"}
)
_SET_OF_BUCKETS = frozenset({"iamConfiguration", "labels", "location", "name", "storageClass", "versioning"})
_DEFAULTS = {"rpo": "DEFAULT", "softDeletePolicy": {"retentionDurationSeconds": "0"}}
"""Values that say how the emulator is anyway."""

_LABEL = re.compile(r"[^\W\dA-Z_](?:[^\WA-Z]|-){0,62}")
_VALUE = re.compile(r"(?:[^\WA-Z]|-){0,63}")
_MOST_LABELS = 64
_PREVENTION = ("enforced", "inherited", "unspecified")


def parse_bucket(document: Mapping[str, object]) -> Document:
    """What a client sets of a bucket: the fields of `_SET_OF_BUCKETS`.

    Raises:
        GoogleError: 400 where a value is malformed, or asks for what the emulator does not have.
    """
    for key, value in document.items():
        if key in ("acl", "defaultObjectAcl") and not _says_nothing(value):
            raise no_acls()
        if key not in _SET_OF_BUCKETS | _SHOWN_OF_BUCKETS and not _is_default(key, value):
            raise absent(f"a bucket's `{key[:80]}`")
    settable = {key: value for key, value in document.items() if key in _SET_OF_BUCKETS}
    if "iamConfiguration" in settable:
        settable["iamConfiguration"] = _parse_access(settable["iamConfiguration"] or {})
    if "labels" in settable:
        settable["labels"] = _parse_labels(settable["labels"] or {})
    if "versioning" in settable:
        settable["versioning"] = _parse_versioning(settable["versioning"] or {})
    if settable.get("storageClass") is not None:
        parse_storage_class(settable["storageClass"])
    if not isinstance(location := settable.get("location", ""), str) or not re.fullmatch(
        r"[A-Za-z0-9-]{0,40}", location
    ):
        raise invalid("The specified location constraint is not valid.")
    return settable


def parse_object(document: Mapping[str, object]) -> Document:
    """What a client sets of an object; `null` says that a field is to be removed.

    Raises:
        GoogleError: 400 where a value is malformed, or asks for what the emulator does not have.
    """
    for key, value in document.items():
        if key == "acl" and not _says_nothing(value):
            raise no_acls()
        known = _TEXTS_OF_OBJECTS | _SHOWN_OF_OBJECTS | {"metadata", "storageClass"}
        if key not in known and not _says_nothing(value):
            raise absent(f"an object's `{key[:80]}`")
    settable = {key: value for key, value in document.items() if key in _TEXTS_OF_OBJECTS}
    if (storage_class := document.get("storageClass")) is not None:
        settable["storageClass"] = parse_storage_class(storage_class)
    texts = list(settable.values())
    if "metadata" in document:
        settable["metadata"] = metadata = document["metadata"]
        texts += metadata.values() if isinstance(metadata, Mapping) else [0] if metadata else []
    if not all(value is None or isinstance(value, str) for value in texts):
        raise invalid("Invalid value in the object resource.")
    return settable


def parse_storage_class(value: object) -> str:
    """One of `STORAGE_CLASSES`, in any case.

    Raises:
        GoogleError: 400.
    """
    if not isinstance(value, str) or value.upper() not in STORAGE_CLASSES:
        raise invalid(f"Invalid storage class: the emulator has {', '.join(STORAGE_CLASSES)}.")
    return value.upper()


def _parse_access(configuration: object) -> Document:
    """`publicAccessPrevention`, where it is set; access is by policies alone, and nothing else is taken.

    Raises:
        GoogleError: 400.
    """
    if not isinstance(configuration, Mapping):
        raise invalid("Invalid value in the bucket resource: iamConfiguration")
    for key, value in configuration.items():
        if key in ("uniformBucketLevelAccess", "bucketPolicyOnly"):
            if not isinstance(value, Mapping):
                raise invalid(f"Invalid value in the bucket resource: iamConfiguration.{key}")
            if value.get("enabled") is False:
                raise absent("access control lists: access to a bucket is uniform")
            if others := value.keys() - {"enabled", "lockedTime"}:
                raise absent(f"a bucket's `iamConfiguration.{key}.{min(others)[:80]}`")
        elif key != "publicAccessPrevention":
            raise absent(f"a bucket's `iamConfiguration.{key[:80]}`")
    prevention = configuration.get("publicAccessPrevention")
    if prevention is None:
        return {}
    if prevention not in _PREVENTION:
        raise invalid(f"Invalid value for publicAccessPrevention: one of {', '.join(_PREVENTION)} is needed.")
    return {"publicAccessPrevention": "enforced" if prevention == "enforced" else "inherited"}


def _parse_versioning(versioning: object) -> Document:
    if not isinstance(versioning, Mapping) or not isinstance(versioning.get("enabled", False), bool):
        raise invalid("Invalid value in the bucket resource: versioning")
    if others := versioning.keys() - {"enabled"}:
        raise absent(f"a bucket's `versioning.{min(others)[:80]}`")
    return {"enabled": versioning.get("enabled", False)}


def _parse_labels(labels: object) -> Document:
    if not isinstance(labels, Mapping) or len(labels) > _MOST_LABELS:
        raise invalid(f"A bucket's labels are a map of at most {_MOST_LABELS} texts.")
    for key, value in labels.items():
        fits = value is None or (isinstance(value, str) and _VALUE.fullmatch(value))
        if not _LABEL.fullmatch(key) or not fits:
            raise invalid(f"Invalid label: '{key[:80]}'")
    return dict(labels)


def _is_default(key: str, value: object) -> bool:
    if isinstance(value, Mapping):
        value = {name: each for name, each in value.items() if name != "effectiveTime"}
    return value == _DEFAULTS.get(key, {}) or _says_nothing(value)


def _says_nothing(value: object) -> bool:
    """Whether nothing inside is set.

    >>> _says_nothing({"rule": []}), _says_nothing({"enabled": True})
    (True, False)
    """
    if isinstance(value, Mapping):
        return all(map(_says_nothing, value.values()))
    return not value
