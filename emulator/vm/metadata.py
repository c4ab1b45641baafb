"""The metadata server that one instance's workload sees: who it is, and its service account's tokens.

Enough for `google.auth.default()` and for curious workloads; absent are waiting for changes,
guest attributes, and every path below what is listed here. Only the header
`Metadata-Flavor: Google` protects it, as on a real VM: whoever runs in the VM is the account.

Source: Compute Engine documentation, "Predefined metadata keys"; google-auth,
`google.auth.compute_engine._metadata`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..access_tokens import lifetime_of, may_be_used, mint_access_token
from ..faults import FaultMiddleware
from ..signing import mint_id_token
from ..state import State

_FLAVOR = {"metadata-flavor": "Google", "server": "Metadata Server for VM"}
_TOKEN_LIFETIME_S = 3599


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceIdentity:
    """What the metadata server knows of its VM."""

    project_id: str
    project_number: str
    zone: str
    name: str
    instance_id: str
    machine_type: str
    service_account: str
    service_account_id: str
    scopes: tuple[str, ...]
    attributes: Mapping[str, str]


def make_app(state: State, instance: InstanceIdentity) -> Starlette:
    """The metadata server of `instance`."""
    tree = _tree(instance)

    async def ping(_request: Request) -> Response:
        return Response("computeMetadata/\n", headers=_FLAVOR, media_type="application/text")

    async def value(request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google" or "x-forwarded-for" in request.headers:
            return Response('Missing required header "Metadata-Flavor": "Google"', 403, headers=_FLAVOR)
        path = request.path_params["path"]
        account, _, what = path.removeprefix("instance/service-accounts/").partition("/")
        if path.startswith("instance/service-accounts/") and account in ("default", instance.service_account):
            if what in ("identity", "token") and not may_be_used(state, instance.service_account):
                # Not Google's words.
                return Response("the service account is disabled or deleted", 403, headers=_FLAVOR)
            if what == "token":
                return JSONResponse(_access_token(state, instance), headers=_FLAVOR)
            if what == "identity":
                return _identity(state, instance, request)
        return _render(_find(tree, path), request)

    app = Starlette(routes=[Route("/", ping), Route("/computeMetadata/v1/{path:path}", value)])
    app.add_middleware(FaultMiddleware, folder=state.folder, call="metadata")
    return app


def _tree(instance: InstanceIdentity) -> dict[str, Any]:
    place = f"projects/{instance.project_number}"
    account = {
        "aliases": ["default"],
        "email": instance.service_account,
        "scopes": list(instance.scopes),
    }
    return {
        "instance": {
            "attributes": dict(instance.attributes),
            "hostname": f"{instance.name}.{instance.zone}.c.{instance.project_id}.internal",
            "id": int(instance.instance_id),
            "image": "projects/confidential-space-images/global/images/confidential-space",
            "machineType": f"{place}/machineTypes/{instance.machine_type}",
            "name": instance.name,
            "serviceAccounts": {"default": account, instance.service_account: account},
            "zone": f"{place}/zones/{instance.zone}",
        },
        "project": {
            "attributes": {},
            "numericProjectId": int(instance.project_number),
            "projectId": instance.project_id,
        },
        "universe": {"universeDomain": "googleapis.com"},
    }


def _find(tree: dict[str, Any], path: str) -> Any:
    """The value at `path`, or None. Paths are spelled with dashes, JSON names in camel case."""
    node: Any = tree
    verbatim = False  # names of attributes and accounts are people's own
    for part in path.strip("/").split("/") if path.strip("/") else []:
        name = part if verbatim else _camel_case(part)
        if not isinstance(node, dict) or name not in node:
            return None
        node = node[name]
        verbatim = part in ("attributes", "service-accounts")
    return node


def _camel_case(path_part: str) -> str:
    first, *rest = path_part.split("-")
    return first + "".join(word.capitalize() for word in rest)


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)


def _render(value: Any, request: Request) -> Response:
    if value is None:
        return Response("404 Not Found", 404, headers=_FLAVOR)
    as_json = request.query_params.get("recursive", "").lower() == "true"
    as_json = as_json and request.query_params.get("alt", "json") == "json"
    if as_json or request.query_params.get("alt") == "json":
        return JSONResponse(value, headers=_FLAVOR)
    if isinstance(value, dict):
        verbatim = request.url.path.rstrip("/").endswith(("/attributes", "/service-accounts"))
        lines = [
            (name if verbatim else _dashed(name)) + ("/" if isinstance(child, dict) else "")
            for name, child in value.items()
        ]
        text = "\n".join(lines) + "\n"
    else:
        text = "\n".join(value) if isinstance(value, list) else str(value)
    return Response(text, headers=_FLAVOR, media_type="application/text")


def _access_token(state: State, instance: InstanceIdentity) -> dict[str, object]:
    lifetime_s = lifetime_of(state, _TOKEN_LIFETIME_S)
    token = mint_access_token(
        state,
        name=instance.service_account,
        members=frozenset({f"serviceAccount:{instance.service_account}"}),
        scopes=frozenset(instance.scopes),
        lifetime_s=lifetime_s,
    )
    return {"access_token": token, "expires_in": lifetime_s, "token_type": "Bearer"}


def _identity(state: State, instance: InstanceIdentity, request: Request) -> Response:
    """An ID token of the service account."""
    audience = request.query_params.get("audience")
    if not audience:
        return Response("non-empty audience parameter required", 400, headers=_FLAVOR)
    claims: dict[str, object] = {"email": instance.service_account, "email_verified": True}
    if request.query_params.get("format") == "full":
        claims["google"] = {
            "compute_engine": {
                "instance_id": instance.instance_id,
                "instance_name": instance.name,
                "project_id": instance.project_id,
                "project_number": int(instance.project_number),
                "zone": instance.zone,
            }
        }
    token = mint_id_token(state, instance.service_account_id, audience, claims)
    return Response(token, headers=_FLAVOR, media_type="text/html")
