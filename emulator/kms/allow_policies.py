"""Who may do what: the allow policies of key rings and of keys. Versions have none.

Source: Cloud KMS API reference v1, `getIamPolicy`, `setIamPolicy` and `testIamPermissions`; the last of them
answers with an empty set of what is not there.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..bodies import json_of
from ..iam.authorization import Policy, permissions_of, replace_policy
from ..iam.policy_requests import parse_permissions_request, parse_policy_request, render_permissions
from .access import Access, Asked
from .store import KeyStore

_RING = "/v1/projects/{project}/locations/{location}/keyRings/{ring}"
_KEY = _RING + "/cryptoKeys/{key}"


def routes(access: Access, store: KeyStore) -> list[BaseRoute]:
    """`…:getIamPolicy`, `…:setIamPolicy` and `…:testIamPermissions` of rings and of keys."""

    async def get_of_ring(request: Request) -> Response:
        return JSONResponse(access.ring(request, _asked("keyRings", "getIamPolicy"))[1]["policy"])

    async def get_of_key(request: Request) -> Response:
        return JSONResponse(access.key(request, _asked("cryptoKeys", "getIamPolicy")).policy)

    async def set_of_ring(request: Request) -> Response:
        body = await json_of(request)
        name, ring = access.ring(request, _asked("keyRings", "setIamPolicy"))
        policy = replace_policy(ring["policy"], parse_policy_request(body))
        store.put_ring(name, ring | {"policy": policy})
        return JSONResponse(policy)

    async def set_of_key(request: Request) -> Response:
        body = await json_of(request)
        key = access.key(request, _asked("cryptoKeys", "setIamPolicy"))
        policy = replace_policy(key.policy, parse_policy_request(body))
        store.put_key(replace(key, policy=policy))
        return JSONResponse(policy)

    async def test(request: Request, there: object, policies: list[Policy]) -> Response:
        asked = parse_permissions_request(await json_of(request))
        held = permissions_of(access.caller_of(request), policies)
        return JSONResponse(render_permissions(asked, frozenset() if there is None else held))

    async def test_on_ring(request: Request) -> Response:
        return await test(request, *access.over_ring(request)[1:])

    async def test_on_key(request: Request) -> Response:
        return await test(request, *access.over_key(request)[1:])

    return [
        Route(_RING + ":getIamPolicy", get_of_ring),
        Route(_RING + ":setIamPolicy", set_of_ring, methods=["POST"]),
        Route(_RING + ":testIamPermissions", test_on_ring, methods=["POST"]),
        Route(_KEY + ":getIamPolicy", get_of_key),
        Route(_KEY + ":setIamPolicy", set_of_key, methods=["POST"]),
        Route(_KEY + ":testIamPermissions", test_on_key, methods=["POST"]),
    ]


def _asked(kind: str, verb: str) -> Asked:
    """In the audit log as Google's has it: `SetIamPolicy`."""
    return Asked(permission=f"{kind}.{verb}", method=verb[0].upper() + verb[1:])
