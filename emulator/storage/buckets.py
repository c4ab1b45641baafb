"""Buckets and their allow policies. Source: Cloud Storage JSON API v1, `buckets`."""

from __future__ import annotations

import base64
import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..bodies import json_of
from ..errors import GoogleError
from ..iam.authorization import empty_policy, permissions_of, project_of, replace_policy
from ..iam.policy_requests import parse_policy_request
from ..state import Document
from .calls import serving
from .core import Storage, is_closed
from .errors import conflict, invalid, precondition_failed
from .fields import parse_bucket
from .objects import render_time
from .paging import parse_page_token, render_page_token
from .preconditions import parse_preconditions, whole_number

_NAME = re.compile(r"(?!goog)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_MOST_RESULTS = 1000
_MULTI_REGIONS = ("ASIA", "EU", "US")
_DUAL_REGION = re.compile(r"[A-Z]+\d+")


def routes(storage: Storage) -> list[BaseRoute]:
    """`/storage/v1/b` and below, as far as it is about buckets."""
    buckets = _Buckets(storage)
    place = "/storage/v1/b/{bucket}"
    folders = serving("managedFolders.list", buckets.list_managed_folders)
    return [
        Route(place + "/managedFolders", folders),
        *(
            Route(path, serving(f"buckets.{name}", endpoint), methods=[method])
            for method, path, name, endpoint in (
                ("POST", "/storage/v1/b", "insert", buckets.insert),
                ("GET", "/storage/v1/b", "list", buckets.list_names),
                ("GET", place, "get", buckets.get),
                ("PATCH", place, "patch", buckets.patch),
                ("PUT", place, "update", buckets.patch),
                ("DELETE", place, "delete", buckets.delete),
                ("GET", place + "/storageLayout", "getStorageLayout", buckets.get_storage_layout),
                ("GET", place + "/iam", "getIamPolicy", buckets.get_iam_policy),
                ("PUT", place + "/iam", "setIamPolicy", buckets.set_iam_policy),
                ("GET", place + "/iam/testPermissions", "testIamPermissions", buckets.test_permissions),
            )
        ),
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
        settable = parse_bucket(document)
        location = str(settable.get("location") or "US").upper()
        now = render_time(self._storage.state.clock())
        resource = _with_settable(
            {
                "kind": "storage#bucket",
                "id": name,
                "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
                "projectNumber": project["projectNumber"],
                "name": name,
                "timeCreated": now,
                "softDeletePolicy": {"retentionDurationSeconds": "0", "effectiveTime": now},
                "location": location,
                "locationType": _location_type(location),
            },
            settable,
            metageneration=1,
            now=now,
        )
        policy = empty_policy() | {"bindings": _legacy_bindings(project["projectId"])}
        bucket = {"project": project["projectId"], "policy": policy, "resource": resource}
        return JSONResponse(self._storage.buckets.put(name, bucket)["resource"])

    async def list_names(self, request: Request) -> Response:
        project = self._project(request, "storage.buckets.list")
        query = request.query_params
        prefix, after = query.get("prefix", ""), parse_page_token(query.get("pageToken", ""))
        most = min(whole_number(query, "maxResults") or _MOST_RESULTS, _MOST_RESULTS)
        items = [
            bucket["resource"]
            for name, bucket in self._storage.buckets.items()
            if bucket["project"] == project["projectId"] and name.startswith(prefix) and name > after
        ]
        document: Document = {"kind": "storage#buckets"} | ({"items": items[:most]} if items else {})
        if len(items) > most:
            document["nextPageToken"] = render_page_token(items[most - 1]["name"])
        return JSONResponse(document)

    async def get(self, request: Request) -> Response:
        return JSONResponse(self._bucket(request, "storage.buckets.get")["resource"])

    async def patch(self, request: Request) -> Response:
        document = await json_of(request)
        bucket = self._bucket(request, "storage.buckets.update")
        settable, resource = parse_bucket(document), bucket["resource"]
        for fixed in ("name", "location"):
            if settable.pop(fixed, resource[fixed]).lower() != resource[fixed].lower():
                raise invalid(f"A bucket's `{fixed}` cannot be changed.")
        if request.method == "PATCH":
            if settable.get("labels"):
                settable["labels"] = resource.get("labels", {}) | settable["labels"]
            kept = {key: resource[key] for key in ("labels", "storageClass", "versioning") if key in resource}
            access = resource["iamConfiguration"] | settable.get("iamConfiguration", {})
            settable = kept | settable | {"iamConfiguration": access}
        resource = _with_settable(
            resource,
            settable,
            metageneration=int(resource["metageneration"]) + 1,
            now=render_time(self._storage.state.clock()),
        )
        self._storage.buckets.put(resource["name"], bucket | {"resource": resource})
        return JSONResponse(resource)

    async def delete(self, request: Request) -> Response:
        bucket = self._bucket(request, "storage.buckets.delete")
        name = bucket["resource"]["name"]
        if next(self._storage.objects.versions_from(name, ""), None) is not None:
            raise conflict("The bucket you tried to delete is not empty.")
        self._storage.buckets.delete(name)
        return Response(status_code=204)

    async def get_storage_layout(self, request: Request) -> Response:
        """Where and how the bucket keeps its objects; whoever may list them may know."""
        resource = self._bucket(request, "storage.objects.list")["resource"]
        return JSONResponse(
            {
                "kind": "storage#storageLayout",
                "bucket": resource["name"],
                "location": resource["location"],
                "locationType": _location_type(resource["location"]),
                "hierarchicalNamespace": {"enabled": False},
            }
        )

    async def list_managed_folders(self, request: Request) -> Response:
        """None: `gcloud storage rm -r` asks for them."""
        self._bucket(request, "storage.objects.list")
        return JSONResponse({"kind": "storage#managedFolders"})

    async def get_iam_policy(self, request: Request) -> Response:
        return JSONResponse(_render_policy(self._bucket(request, "storage.buckets.getIamPolicy")))

    async def set_iam_policy(self, request: Request) -> Response:
        document = await json_of(request)
        bucket = self._bucket(request, "storage.buckets.setIamPolicy")
        try:
            policy = replace_policy(bucket["policy"], parse_policy_request({"policy": document}))
        except GoogleError as error:  # 409 where the etag is an old one, for which this API has another word
            raise (precondition_failed() if error.http_status == 409 else invalid(error.message)) from None
        members = {member for binding in policy["bindings"] for member in binding["members"]}
        if is_closed(bucket) and members & {"allUsers", "allAuthenticatedUsers"}:
            raise GoogleError(
                412,
                "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access "
                "prevention is enforced.",
                reason="conditionNotMet",
            )
        bucket = self._storage.buckets.put(bucket["resource"]["name"], bucket | {"policy": policy})
        return JSONResponse(_render_policy(bucket))

    async def test_permissions(self, request: Request) -> Response:
        caller = self._storage.caller_of(request)
        bucket = self._storage.bucket(request.path_params["bucket"])
        if "permissions" not in request.query_params:
            raise invalid("Required parameter: permissions", reason="required")
        held = [
            permission
            for permission in request.query_params.getlist("permissions")
            if self._storage.holds(caller, permission, bucket)
        ]
        return JSONResponse({"kind": "storage#testIamPermissionsResponse", "permissions": held})


def _with_settable(resource: Document, settable: Document, *, metageneration: int, now: str) -> Document:
    """The bucket's resource with what a client has set of it, which is changed now."""
    labels = {key: value for key, value in (settable.get("labels") or {}).items() if value is not None}
    kept = {key: value for key, value in resource.items() if key not in ("labels", "versioning")}
    versioning = settable.get("versioning")
    uniform = {"enabled": True}
    return {
        **kept,
        **({"labels": labels} if labels else {}),
        **({"versioning": versioning} if versioning else {}),
        "iamConfiguration": {
            "bucketPolicyOnly": uniform,
            "uniformBucketLevelAccess": uniform,
            "publicAccessPrevention": (settable.get("iamConfiguration") or {}).get(
                "publicAccessPrevention", "inherited"
            ),
        },
        "storageClass": (settable.get("storageClass") or "STANDARD").upper(),
        "metageneration": str(metageneration),
        "updated": now,
        "etag": _etag_of(metageneration),
    }


def _etag_of(metageneration: int) -> str:
    """What Cloud Storage shows: a protocol buffer whose field 1 is the metageneration.

    >>> _etag_of(1), _etag_of(300)
    ('CAE=', 'CKwC')
    """
    encoded = b"\x08"
    while metageneration > 0x7F:
        encoded += bytes([metageneration & 0x7F | 0x80])
        metageneration >>= 7
    return base64.b64encode(encoded + bytes([metageneration])).decode()


def _location_type(location: str) -> str:
    if location in _MULTI_REGIONS:
        return "multi-region"
    return "dual-region" if _DUAL_REGION.fullmatch(location) else "region"


def _legacy_bindings(project: str) -> list[Document]:
    """What the people of the project's basic roles may do in each of its buckets that is new.

    Source: Cloud Storage documentation, "IAM roles for Cloud Storage", legacy roles; "Convenience values".
    """
    writers = [f"projectEditor:{project}", f"projectOwner:{project}"]
    readers = [f"projectViewer:{project}"]
    return [
        {"role": f"roles/storage.legacy{kind}", "members": members}
        for kind, members in (
            ("BucketOwner", writers),
            ("BucketReader", readers),
            ("ObjectOwner", writers),
            ("ObjectReader", readers),
        )
    ]


def _render_policy(bucket: Document) -> Document:
    resource_id = f"projects/_/buckets/{bucket['resource']['name']}"
    return {"kind": "storage#policy", "resourceId": resource_id, **bucket["policy"]}
