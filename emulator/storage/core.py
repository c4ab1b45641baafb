"""What every endpoint of Cloud Storage asks first: who is it, may they, is it there, is it as expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote

from starlette.requests import Request

from ..access_tokens import CLOUD_PLATFORM, Caller, caller_of
from ..errors import GoogleError
from ..iam.authorization import permissions_of, project_of
from ..state import Collection, Document, State
from .errors import (
    access_denied,
    invalid,
    invalid_credentials,
    no_such_bucket,
    no_such_object,
    scope_not_authorized,
)
from .objects import Content, ObjectStore, StoredObject
from .preconditions import Preconditions, whole_number

_DEVSTORAGE = "https://www.googleapis.com/auth/devstorage."
_FULL = frozenset({CLOUD_PLATFORM, _DEVSTORAGE + "full_control"})
_WRITE = _FULL | {_DEVSTORAGE + "read_write"}
_READ = _WRITE | {_DEVSTORAGE + "read_only", CLOUD_PLATFORM + ".read-only"}
_CONVENIENCE = {
    "roles/owner": "projectOwner",
    "roles/editor": "projectEditor",
    "roles/viewer": "projectViewer",
}
_PUBLIC = {"allUsers", "allAuthenticatedUsers"}


class Storage:
    """Buckets, objects, and the one place that decides about both."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.objects = ObjectStore(state.folder / "storage", state.clock)

    @property
    def buckets(self) -> Collection:
        """Bucket name → `{"project", "policy", "resource"}`."""
        return self.state.collection("storage.buckets")

    def caller_of(self, request: Request) -> Caller | None:
        """Who the request speaks for; None is an anonymous caller.

        Raises:
            GoogleError: 401, in this service's words.
        """
        try:
            return caller_of(self.state, request)
        except GoogleError:
            raise invalid_credentials() from None

    def bucket(self, name: str) -> Document:
        """The bucket of that name.

        Raises:
            GoogleError: 404.
        """
        bucket = self.buckets.get(name)
        if bucket is None:
            raise no_such_bucket(unquote(name))
        return bucket

    def holds(self, caller: Caller | None, permission: str, bucket: Document) -> bool:
        """Whether the bucket's policy or its project's grants it.

        A bucket's policy also speaks of `projectOwner:PROJECT` and its like, whoever they are by the
        project's policy; where public access is prevented, it speaks of nobody in particular in vain.
        """
        project = project_of(self.state, bucket["project"])
        policy = bucket["policy"]
        if is_closed(bucket):
            policy = {
                "bindings": [
                    {**each, "members": set(each["members"]) - _PUBLIC} for each in policy["bindings"]
                ]
            }
        if caller is not None:
            held = {
                f"{word}:{bucket['project']}"
                for each in project["policy"]["bindings"]
                if (word := _CONVENIENCE.get(each["role"])) and caller.members.intersection(each["members"])
            }
            caller = replace(caller, members=caller.members | held)
        return permission in permissions_of(caller, [policy, project["policy"]])

    def authorize(self, caller: Caller | None, permission: str, bucket: Document, name: str = "") -> None:
        """The caller holds `permission` on the bucket, or on its object `name`; the audit log says so.

        Raises:
            GoogleError: 403; 401 where the caller is anonymous.
        """
        resource = f"projects/_/buckets/{bucket['resource']['name']}" + (f"/objects/{name}" if name else "")
        kind = "object" if name else "bucket"
        self.decide(
            caller, permission, granted=self.holds(caller, permission, bucket), resource=resource, kind=kind
        )

    def decide(
        self, caller: Caller | None, permission: str, *, granted: bool, resource: str, kind: str
    ) -> None:
        """`granted`, and the access token's scopes cover it too; the audit log says so.

        Raises:
            GoogleError: 403; 401 where the caller is anonymous.
        """
        covered = caller is None or not caller.scopes.isdisjoint(_scopes_for(permission))
        self.state.audit.record(
            service="storage.googleapis.com",
            method=permission,
            principal="anonymous" if caller is None else caller.name,
            resource=resource,
            granted=granted and covered,
        )
        if not covered:
            raise scope_not_authorized()
        if not granted:
            raise access_denied(caller, permission, kind)

    def find(
        self,
        caller: Caller | None,
        permission: str,
        bucket_name: str,
        name: str,
        *,
        generation: int | None = None,
    ) -> StoredObject:
        """The live object, which the caller may use so; that very generation, live or kept, if one is named.

        Raises:
            GoogleError: 403 also where the object is missing and the caller may not list the bucket.
        """
        bucket = self.bucket(bucket_name)
        self.authorize(caller, permission, bucket, name)
        stored = self.objects.get(bucket_name, name, generation)
        if stored is None:
            if not self.holds(caller, "storage.objects.list", bucket):
                raise access_denied(caller, permission, "object")
            raise no_such_object(bucket_name, name)
        return stored

    def check(self, preconditions: Preconditions, bucket_name: str, name: str) -> None:
        """The preconditions hold for what the object is before it is written.

        Raises:
            GoogleError: 412.
        """
        current = self.objects.get(bucket_name, name)
        preconditions.check(current.generation if current else 0, current.metageneration if current else 0)

    def create(
        self,
        caller: Caller | None,
        bucket_name: str,
        name: str,
        content: Content,
        settable: Document,
        *,
        preconditions: Preconditions,
        components: int = 0,
    ) -> StoredObject:
        """The object is `content`. Whoever replaces one must be allowed to delete it.

        Raises:
            GoogleError: 403, 404 for the bucket, 412.
        """
        bucket = self.bucket(bucket_name)
        self.check(preconditions, bucket_name, name)
        if self.objects.get(bucket_name, name) is not None:
            self.authorize(caller, "storage.objects.delete", bucket, name)
        # As the bucket's class is now: an object keeps its own when the bucket's changes.
        settable = {"storageClass": bucket["resource"]["storageClass"], **settable}
        return self.objects.put(
            bucket_name, name, content, settable, components=components, keep=is_versioned(bucket)
        )

    def remove(self, stored: StoredObject, *, generation: int | None) -> None:
        """It is deleted: for good where its generation was named, else a bucket with versions keeps it."""
        keep = generation is None and is_versioned(self.bucket(stored.bucket))
        self.objects.delete(stored, keep=keep)


def check_object_name(name: object) -> str:
    """`name` may be an object's. Source: Cloud Storage documentation, "Object naming guidelines".

    Raises:
        GoogleError: 400.
    """
    if not isinstance(name, str) or not name:
        raise invalid("Required", reason="required")
    reserved = name in (".", "..") or name.startswith(".well-known/acme-challenge/")
    if len(name.encode()) > 1024 or reserved or re.search(r"[\r\n]", name):
        raise invalid(f"Disallowed object name: '{name[:80]!r}'")
    return name


def without_nulls(settable: Mapping[str, object]) -> Document:
    """What is left when `null` means "remove", inside `metadata` too."""
    kept = {key: value for key, value in settable.items() if value is not None}
    if isinstance(metadata := kept.get("metadata"), dict):
        kept["metadata"] = {key: value for key, value in metadata.items() if value is not None}
    return kept


def is_closed(bucket: Document) -> bool:
    """Whether the bucket prevents public access."""
    closed: bool = bucket["resource"]["iamConfiguration"].get("publicAccessPrevention") == "enforced"
    return closed


def is_versioned(bucket: Document) -> bool:
    """Whether the bucket keeps what is overwritten and deleted."""
    return bool((bucket["resource"].get("versioning") or {}).get("enabled"))


def generation_of(query: Mapping[str, str]) -> int | None:
    """The generation that a request pins, if it does."""
    return whole_number(query, "generation")


def _scopes_for(permission: str) -> frozenset[str]:
    verb = permission.rpartition(".")[2]
    if verb.endswith("IamPolicy"):
        return _FULL
    return _READ if verb in ("get", "list") else _WRITE
