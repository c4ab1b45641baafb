"""Every field that Google's documents let a client set: it is kept, or it is refused.

One field at a time is put into a body that is taken without it; an answer of 200 that dropped it would be
believed. Cloud Storage's own test has what its objects are refused for.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.emulator.discovery import api_of
from tests.emulator.test_calls import ACCOUNT, MACHINE, OIDC

_POOLS = "https://iam.googleapis.com/v1/projects/primus/locations/global/workloadIdentityPools"
_ACCOUNTS = "https://iam.googleapis.com/v1/projects/primus/serviceAccounts"
_REPOSITORIES = "https://artifactregistry.googleapis.com/v1/projects/primus/locations/us/repositories"
_RINGS = "https://cloudkms.googleapis.com/v1/projects/primus/locations/global/keyRings"
_INSTANCES = "https://compute.googleapis.com/compute/v1/projects/primus/zones/us-west1-b/instances"
_BUCKETS = "https://storage.googleapis.com/storage/v1/b"
_DEPTH = 5
_UNKNOWN = "symbolonKnowsNone"
Keys = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A resource: where it is made and read (`NAME` is its ID), from what, and whose are which fields."""

    service: str
    schema: str
    made_at: str
    read_at: str
    body: Mapping[str, Any] = field(default_factory=dict)
    within: str = ""
    """The field of the body that is the resource."""
    googles: frozenset[str] = frozenset({"name"})
    """What Google sets, and ignores where a client sends it back, though its document does not say so."""
    shown_elsewhere: frozenset[str] = frozenset()
    """What is kept, and not shown where it was set."""


KINDS = {
    "buckets": Kind(
        service="storage",
        schema="Bucket",
        made_at=f"{_BUCKETS}?project=primus",
        read_at=f"{_BUCKETS}/NAME",
        body={"name": "NAME"},
        googles=frozenset(
            {
                "etag",
                "generation",
                "hardDeleteTime",
                "iamConfiguration.bucketPolicyOnly.lockedTime",
                "iamConfiguration.uniformBucketLevelAccess.lockedTime",
                "id",
                "kind",
                "locationType",
                "metageneration",
                "owner.entity",
                "owner.entityId",
                f"owner.{_UNKNOWN}",
                "projectNumber",
                "retentionPolicy.effectiveTime",
                "satisfiesPZI",
                "satisfiesPZS",
                "selfLink",
                "softDeletePolicy.effectiveTime",
                "softDeleteTime",
                "timeCreated",
                "updated",
            }
        ),
        shown_elsewhere=frozenset({"location"}),  # in capitals
    ),
    "service accounts": Kind(
        service="iam",
        schema="ServiceAccount",
        made_at=_ACCOUNTS,
        read_at=f"{_ACCOUNTS}/NAME@primus.iam.gserviceaccount.com",
        body={"accountId": "NAME"},
        within="serviceAccount",
        googles=frozenset({"etag", "name"}),
    ),
    "pools": Kind(
        service="iam",
        schema="WorkloadIdentityPool",
        made_at=f"{_POOLS}?workloadIdentityPoolId=NAME",
        read_at=f"{_POOLS}/NAME",
    ),
    "providers": Kind(
        service="iam",
        schema="WorkloadIdentityPoolProvider",
        made_at=f"{_POOLS}/pool-1/providers?workloadIdentityPoolProviderId=NAME",
        read_at=f"{_POOLS}/pool-1/providers/NAME",
        body=OIDC,
    ),
    "repositories": Kind(
        service="artifactregistry",
        schema="Repository",
        made_at=f"{_REPOSITORIES}?repositoryId=NAME",
        read_at=f"{_REPOSITORIES}/NAME",
        body={"format": "DOCKER"},
        shown_elsewhere=frozenset({"mode"}),  # what is unspecified is standard
    ),
    "key rings": Kind(
        service="cloudkms", schema="KeyRing", made_at=f"{_RINGS}?keyRingId=NAME", read_at=f"{_RINGS}/NAME"
    ),
    "keys": Kind(
        service="cloudkms",
        schema="CryptoKey",
        made_at=f"{_RINGS}/ring-1/cryptoKeys?cryptoKeyId=NAME",
        read_at=f"{_RINGS}/ring-1/cryptoKeys/NAME",
        body={"purpose": "ENCRYPT_DECRYPT"},
    ),
    "instances": Kind(
        service="compute",
        schema="Instance",
        made_at=_INSTANCES,
        read_at=f"{_INSTANCES}/NAME",
        body={**MACHINE, "name": "NAME"},
        googles=frozenset(
            {"metadata.fingerprint", "name", "networkInterfaces.0.fingerprint", "tags.fingerprint"}
        ),
        shown_elsewhere=frozenset(
            {
                "confidentialInstanceConfig.enableConfidentialCompute",  # false says nothing beside a type
                *("disks.0.initializeParams.diskName", "disks.0.initializeParams.diskSizeGb"),  # of the disk
                *("disks.0.initializeParams.diskType", "disks.0.initializeParams.labels.k1"),  # which is none
            }
        ),
    ),
}


@pytest.fixture
def parents(platform: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """All services, with whatever the kinds are made in; no VM boots."""
    for url, body in (
        (_ACCOUNTS, {"accountId": ACCOUNT.partition("@")[0]}),
        (f"{_POOLS}?workloadIdentityPoolId=pool-1", {}),
        (f"{_RINGS}?keyRingId=ring-1", {}),
    ):
        assert platform.call("POST", url, body).status == 200
    monkeypatch.setattr(platform.fleet, "boot", lambda *_: None)
    return platform


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_field_is_kept_or_refused(parents: Any, kind: Kind) -> None:
    dropped, numbers = [], itertools.count()
    for keys, value in settable(kind):
        name, path = f"made-{next(numbers):05}", ".".join(map(str, keys))
        body = named(kind.body, name)
        put(body.setdefault(kind.within, {}) if kind.within else body, keys, value)
        answer = parents.call("POST", kind.made_at.replace("NAME", name), body)
        assert answer.status in (200, 400, 404), f"{path}: {answer.text}"
        if answer.status == 200 and path not in kind.googles | kind.shown_elsewhere:
            shown = at(parents.call("GET", kind.read_at.replace("NAME", name)).json, keys)
            if not (shown == value or (not value and not shown) or str(shown).endswith(f"/{value}")):
                dropped.append(f"{path} is {shown!r}, not {value!r}")
    assert next(numbers) > 0
    assert dropped == []


def settable(kind: Kind) -> Iterator[tuple[Keys, Any]]:
    """Each field that the document does not call Google's own: the keys to it, and values of its type."""
    schemas = api_of(kind.service).schemas
    yield from _fields(schemas, schemas[kind.schema], _DEPTH)


def _fields(schemas: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Iterator[tuple[Keys, Any]]:
    for name, each in schema["properties"].items():
        said = each.get("description", "").lower().lstrip("`[")
        if not (each.get("readOnly") or said.startswith(("output only", "output-only"))):
            yield from (((name, *keys), value) for keys, value in _values(schemas, each, depth))
    yield (_UNKNOWN,), "x"


def _values(schemas: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> Iterator[tuple[Keys, Any]]:
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    kind = schema["type"]
    if kind == "object" and "properties" in schema:
        yield from _fields(schemas, schema, depth - 1) if depth else ()
    elif kind == "object":
        yield ("k1",), "v1"
    elif kind == "array":
        within = _values(schemas, schema["items"], depth - 1) if depth else ()
        yield from (((0, *keys), value) for keys, value in within)
    elif kind == "string":
        number = schema.get("format") in ("int64", "uint64")
        yield from (((), value) for value in (["7"] if number else schema.get("enum", ["x1"])))
    else:
        yield from (((), value) for value in ((True, False) if kind == "boolean" else (7,)))


def named(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The body of a resource of that name."""
    return {key: name if each == "NAME" else copy.deepcopy(each) for key, each in body.items()}


def put(body: Any, keys: Keys, value: object) -> None:
    """The value is there; what leads to it is made where it is absent."""
    first, *rest = keys
    empty: Any = ([] if isinstance(rest[0], int) else {}) if rest else None
    if isinstance(first, int):
        body += [] if body else [empty]
    else:
        body.setdefault(first, empty)
    if rest:
        put(body[first], tuple(rest), value)
    else:
        body[first] = value


def at(resource: Any, keys: Keys) -> Any:
    """What is there, or nothing."""
    for key in keys:
        try:
            resource = resource[key]
        except (KeyError, IndexError, TypeError):
            return None
    return resource
