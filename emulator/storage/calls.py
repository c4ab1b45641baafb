"""The calls of the JSON API that are served, by their names in the discovery document.

`parameters` are those that are honoured, beside the required ones of the path and those that change
nothing of the answer's meaning; a call that sets another is refused. Calls that are not in the table
are refused too. `scripts/reference` writes the table for people.

Source: discovery document of storage v1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from .errors import absent, no_acls

Endpoint = Callable[[Request], Awaitable[Response]]

HARMLESS = frozenset(
    {
        "$alt", "$prettyPrint", "alt", "fields", "key", "prettyPrint", "projection", "quotaUser",
        "upload_id", "uploadType", "userIp", "userProject",
    }
)  # fmt: skip
"""`fields` is ignored, so the whole resource comes; a full `projection` has no access lists either."""

_OBJECT = frozenset(
    {"ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch"}
)
_SOURCE = frozenset(each.replace("if", "ifSource", 1) for each in _OBJECT)
_BUCKET = frozenset({"ifMetagenerationMatch", "ifMetagenerationNotMatch"})
_ONE = _OBJECT | {"generation"}
_LIST = frozenset(
    {
        "delimiter", "endOffset", "includeFoldersAsPrefixes", "includeTrailingDelimiter", "maxResults",
        "pageToken", "prefix", "startOffset", "versions",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One method, as it is here."""

    parameters: frozenset[str] = frozenset()
    simplified: str = ""
    """What it does less than Google's, in words for people."""


_FIELDS_OF_BUCKETS = (
    "takes `iamConfiguration`, `labels`, `storageClass`, `versioning`; any other field is refused"
)
_FIELDS_OF_OBJECTS = "holds, `retention`, `customTime`, `contexts` and access lists are refused"
_ROLES = "the roles that the emulator knows; a condition on a binding is refused"

CALLS: Mapping[str, Call] = {
    "buckets.delete": Call(parameters=_BUCKET),
    "buckets.get": Call(parameters=_BUCKET),
    "buckets.getIamPolicy": Call(parameters=frozenset({"optionsRequestedPolicyVersion"})),
    "buckets.getStorageLayout": Call(parameters=frozenset({"prefix"})),
    "buckets.insert": Call(
        parameters=frozenset({"project"}),
        simplified="access is uniform from the start; soft delete is off; " + _FIELDS_OF_BUCKETS,
    ),
    "buckets.list": Call(
        parameters=frozenset({"maxResults", "pageToken", "prefix", "project", "returnPartialSuccess"})
    ),
    "buckets.patch": Call(parameters=_BUCKET, simplified=_FIELDS_OF_BUCKETS),
    "buckets.setIamPolicy": Call(simplified=_ROLES),
    "buckets.testIamPermissions": Call(parameters=frozenset({"permissions"})),
    "buckets.update": Call(parameters=_BUCKET, simplified=_FIELDS_OF_BUCKETS),
    "managedFolders.list": Call(
        parameters=frozenset({"pageSize", "pageToken", "prefix"}),
        simplified="there are none, and none can be made",
    ),
    "objects.compose": Call(parameters=frozenset({"ifGenerationMatch", "ifMetagenerationMatch"})),
    "objects.copy": Call(parameters=_OBJECT | _SOURCE | {"sourceGeneration"}),
    "objects.delete": Call(parameters=_ONE, simplified="what is deleted is gone: no soft delete"),
    "objects.get": Call(
        parameters=_ONE, simplified="an overwritten generation is gone, unless its bucket has versions"
    ),
    "objects.insert": Call(
        parameters=_OBJECT | {"contentEncoding", "name"},
        simplified="sessions do not expire; " + _FIELDS_OF_OBJECTS,
    ),
    "objects.list": Call(
        parameters=_LIST, simplified="with `versions`, all those of one name stand on one page"
    ),
    "objects.move": Call(parameters=_OBJECT | _SOURCE),
    "objects.patch": Call(parameters=_ONE, simplified=_FIELDS_OF_OBJECTS),
    "objects.rewrite": Call(
        parameters=_OBJECT | _SOURCE | {"maxBytesRewrittenPerCall", "sourceGeneration"},
        simplified="done in one go, so there is never a `rewriteToken`",
    ),
    "objects.update": Call(parameters=_ONE, simplified=_FIELDS_OF_OBJECTS),
}


def serving(name: str, endpoint: Endpoint) -> Endpoint:
    """The endpoint, for requests that set no parameter which it would pass over."""
    honoured = CALLS[name].parameters | HARMLESS

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        for parameter, value in request.query_params.items():
            if parameter in honoured or value.lower() in ("", "false"):
                continue
            if parameter.lower().endswith("acl"):
                raise no_acls()
            raise absent(f"the parameter `{parameter[:80]}` of {name}")
        return await endpoint(request)

    return answer
