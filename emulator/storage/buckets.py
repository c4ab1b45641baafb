"""Buckets and their allow policies. Source: Cloud Storage JSON API v1, `buckets`."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..bodies import json_of
from ..errors import GoogleError
from ..iam.authorization import empty_policy, is_etag_of, permissions_of, project_of, replace_policy
from ..iam.policy_requests import parse_policy_request
from ..state import Document
from .core import Storage
from .errors import absent, conflict, invalid, precondition_failed
from .objects import render_time
from .preconditions import parse_preconditions

_NAME = re.compile(r"(?!goog)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_PATCHABLE = frozenset({"iamConfiguration", "labels", "softDeletePolicy"})
_ABSENT = {"versioning": "enabled", "lifecycle": "rule", "retentionPolicy": "retentionPeriod"}


def routes(storage: Storage) -> list[BaseRoute]:
    """`/storage/v1/b` and below, as far as it is about buckets."""
    buckets = _Buckets(storage)
    return [
        Route("/storage/v1/b", buckets.insert, methods=["POST"]),
        Route("/storage/v1/b", buckets.list_names),
        Route("/storage/v1/b/{bucket}", buckets.get),
        Route("/storage/v1/b/{bucket}", buckets.patch, methods=["PATCH", "PUT"]),
        Route("/storage/v1/b/{bucket}", buckets.delete, methods=["DELETE"]),
        Route("/storage/v1/b/{bucket}/iam", buckets.get_iam_policy),
        Route("/storage/v1/b/{bucket}/iam", buckets.set_iam_policy, methods=["PUT"]),
        Route("/storage/v1/b/{bucket}/iam/testPermissions", buckets.test_permissions),
    ]


class _Buckets:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def _project(self, request: Request, permission: str) -> Document:
        """The project that the query names, where the caller may do so."""
        caller = self._storage.caller_of(request)
        if "project" not in request.query_params:
            raise invalid("Required parameter: project", reason="required")
        try:
            project = project_of(self._storage.state, request.query_params["project"])
        except GoogleError:
            raise invalid("Unknown project id: " + request.query_params["project"][:80]) from None
        self._storage.decide(
            caller,
            permission,
            granted=permission in permissions_of(caller, [project["policy"]]),
            resource=f"projects/{project['projectId']}",
            kind="project",
        )
        return project

    def _bucket(self, request: Request, permission: str) -> Document:
        """The bucket that the path names, where the caller may do so and the preconditions hold."""
        caller = self._storage.caller_of(request)
        bucket = self._storage.bucket(request.path_params["bucket"])
        self._storage.authorize(caller, permission, bucket)
        metageneration = int(bucket["resource"]["metageneration"])
        parse_preconditions(request.query_params).check(0, metageneration, reading=request.method == "GET")
        return bucket

    async def insert(self, request: Request) -> Response:
        document = await json_of(request)
        project = self._project(request, "storage.buckets.create")
        name = document.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise invalid(f"Invalid bucket name: '{str(name)[:80]}'")
        existing = self._storage.buckets.get(name)
        if existing is not None:
            raise conflict(
                "Your previous request to create the named bucket succeeded and you already own it."
                if existing["project"] == project["projectId"]
                else "The requested bucket name is not available. The bucket namespace is shared by all "
                "users of the system. Please select a different name and try again."
            )
        _refuse_absent(document)
        now = render_time(self._storage.state.clock())
        resource = {
            "kind": "storage#bucket",
            "id": name,
            "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
            "projectNumber": project["projectNumber"],
            "name": name,
            "timeCreated": now,
            "updated": now,
            "metageneration": "1",
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": True},
                "publicAccessPrevention": (document.get("iamConfiguration") or {}).get(
                    "publicAccessPrevention", "inherited"
                ),
            },
            "location": str(document.get("location", "US")).upper(),
            "storageClass": "STANDARD",
            "etag": "CAE=",
        } | {key: value for key, value in document.items() if key in _PATCHABLE - {"iamConfiguration"}}
        bucket = {"project": project["projectId"], "policy": empty_policy(), "resource": resource}
        return JSONResponse(self._storage.buckets.put(name, bucket)["resource"])

    async def list_names(self, request: Request) -> Response:
        project = self._project(request, "storage.buckets.list")
        prefix = request.query_params.get("prefix", "")
        items = [
            bucket["resource"]
            for name, bucket in self._storage.buckets.items()
            if bucket["project"] == project["projectId"] and name.startswith(prefix)
        ]
        return JSONResponse({"kind": "storage#buckets"} | ({"items": items} if items else {}))

    async def get(self, request: Request) -> Response:
        return JSONResponse(self._bucket(request, "storage.buckets.get")["resource"])

    async def patch(self, request: Request) -> Response:
        document = await json_of(request)
        bucket = self._bucket(request, "storage.buckets.update")
        _refuse_absent(document)
        resource = bucket["resource"]
        metageneration = int(resource["metageneration"]) + 1
        changed = {key: value for key, value in document.items() if key in _PATCHABLE}
        if isinstance(labels := changed.get("labels"), dict) and request.method == "PATCH":
            merged = resource.get("labels", {}) | labels
            changed["labels"] = {key: value for key, value in merged.items() if value is not None}
        resource = resource | changed
        resource |= {
            "metageneration": str(metageneration),
            "updated": render_time(self._storage.state.clock()),
        }
        self._storage.buckets.put(resource["name"], bucket | {"resource": resource})
        return JSONResponse(resource)

    async def delete(self, request: Request) -> Response:
        bucket = self._bucket(request, "storage.buckets.delete")
        name = bucket["resource"]["name"]
        if next(self._storage.objects.starting_at(name, ""), None) is not None:
            raise conflict("The bucket you tried to delete is not empty.")
        self._storage.buckets.delete(name)
        return Response(status_code=204)

    async def get_iam_policy(self, request: Request) -> Response:
        return JSONResponse(_render_policy(self._bucket(request, "storage.buckets.getIamPolicy")))

    async def set_iam_policy(self, request: Request) -> Response:
        document = await json_of(request)
        bucket = self._bucket(request, "storage.buckets.setIamPolicy")
        if not is_etag_of(bucket["policy"], document.get("etag")):
            raise precondition_failed()
        try:
            policy = replace_policy(bucket["policy"], parse_policy_request({"policy": document}))
        except GoogleError as error:
            raise invalid(error.message) from None
        bucket = self._storage.buckets.put(bucket["resource"]["name"], bucket | {"policy": policy})
        return JSONResponse(_render_policy(bucket))

    async def test_permissions(self, request: Request) -> Response:
        caller = self._storage.caller_of(request)
        bucket = self._storage.bucket(request.path_params["bucket"])
        held = [
            permission
            for permission in request.query_params.getlist("permissions")
            if self._storage.holds(caller, permission, bucket)
        ]
        return JSONResponse({"kind": "storage#testIamPermissionsResponse", "permissions": held})


def _refuse_absent(document: Document) -> None:
    for key, switch in _ABSENT.items():
        if (document.get(key) or {}).get(switch):
            raise absent(f"a bucket's `{key}`")
    access = (document.get("iamConfiguration") or {}).get("uniformBucketLevelAccess", {})
    if access.get("enabled") is False:
        raise absent("access control lists: access to a bucket is uniform")


def _render_policy(bucket: Document) -> Document:
    resource_id = f"projects/_/buckets/{bucket['resource']['name']}"
    return {"kind": "storage#policy", "resourceId": resource_id, **bucket["policy"]}
