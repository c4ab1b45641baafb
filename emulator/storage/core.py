"""What every endpoint of Cloud Storage asks first: who is it, may they, is it there, is it as expected."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
_SETTABLE = frozenset(
    {"cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "metadata"}
)


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
            raise no_such_bucket()
        return bucket

    def holds(self, caller: Caller | None, permission: str, bucket: Document) -> bool:
        """Whether the bucket's policy or its project's grants it."""
        project = project_of(self.state, bucket["project"])
        return permission in permissions_of(caller, [bucket["policy"], project["policy"]])

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
        """The live object, which the caller may use so; that very generation, if one is asked for.

        Raises:
            GoogleError: 403 also where the object is missing and the caller may not list the bucket.
        """
        bucket = self.bucket(bucket_name)
        self.authorize(caller, permission, bucket, name)
        stored = self.objects.get(bucket_name, name)
        if stored is None or generation not in (None, stored.generation):
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
        return self.objects.put(bucket_name, name, content, settable, components=components)


def check_object_name(name: object) -> str:
    """`name` may be an object's. Source: Cloud Storage documentation, "Object naming guidelines".

    Raises:
        GoogleError: 400.
    """
    if not isinstance(name, str) or not name:
        raise invalid("Required", reason="required")
    if len(name.encode()) > 1024 or name in (".", "..") or re.search(r"[\r\n]", name):
        raise invalid(f"Disallowed object name: '{name[:80]!r}'")
    return name


def settable_of(document: Mapping[str, object]) -> Document:
    """The fields of a request's object resource that a client may choose; the others are ignored.

    Raises:
        GoogleError: 400 where one is not text, or `metadata` not a map of texts.
    """
    settable = {key: value for key, value in document.items() if key in _SETTABLE}
    metadata = settable.get("metadata") or {}
    texts = [value for key, value in settable.items() if key != "metadata"]
    if not isinstance(metadata, dict) or not all(
        value is None or isinstance(value, str) for value in (*texts, *metadata.values())
    ):
        raise invalid("Invalid value in the object resource.")
    return settable


def without_nulls(settable: Mapping[str, object]) -> Document:
    """What is left when `null` means "remove", inside `metadata` too."""
    kept = {key: value for key, value in settable.items() if value is not None}
    if isinstance(metadata := kept.get("metadata"), dict):
        kept["metadata"] = {key: value for key, value in metadata.items() if value is not None}
    return kept


def generation_of(query: Mapping[str, str]) -> int | None:
    """The generation that a request pins, if it does."""
    return whole_number(query, "generation")


def _scopes_for(permission: str) -> frozenset[str]:
    verb = permission.rpartition(".")[2]
    if verb.endswith("IamPolicy"):
        return _FULL
    return _READ if verb in ("get", "list") else _WRITE
