"""Versions of a key: made, enabled and disabled, destroyed after a while, and restored until then.

Source: Cloud KMS API reference v1, `projects.locations.keyRings.cryptoKeys.cryptoKeyVersions`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..bodies import fields_of, json_of
from ..pages import page_of
from .access import Access, Asked
from .key_requests import check_view, parse_new_version, parse_version_patch
from .keys import CryptoKey
from .lifecycle import add_version, change_state, restore, schedule_destruction
from .store import KeyStore

_VERSIONS = "/v1/projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{key}/cryptoKeyVersions"
_VERSION = _VERSIONS + "/{version}"
_CREATE = Asked(permission="cryptoKeyVersions.create", method="CreateCryptoKeyVersion")
_LIST = Asked(permission="cryptoKeyVersions.list", method="ListCryptoKeyVersions")
_GET = Asked(permission="cryptoKeyVersions.get", method="GetCryptoKeyVersion")
_UPDATE = Asked(permission="cryptoKeyVersions.update", method="UpdateCryptoKeyVersion")
_DESTROY = Asked(permission="cryptoKeyVersions.destroy", method="DestroyCryptoKeyVersion")
_RESTORE = Asked(permission="cryptoKeyVersions.restore", method="RestoreCryptoKeyVersion")


def routes(access: Access, store: KeyStore) -> list[BaseRoute]:
    """`…/cryptoKeys/K/cryptoKeyVersions…`."""

    def answer(key: CryptoKey, number: int) -> Response:
        """The key is kept, and the answer is this version of it."""
        return JSONResponse(store.put_key(key).versions[number - 1].render(key.name))

    async def create(request: Request) -> Response:
        body = await json_of(request)
        key = access.key(request, _CREATE)
        changed = add_version(key, store.now(), parse_new_version(body))
        return answer(changed, len(changed.versions))

    async def list_all(request: Request) -> Response:
        check_view(request.query_params, "view")
        key = access.key(request, _LIST)
        found = [(f"{each.number:09d}", each.render(key.name)) for each in key.versions]
        page, more = page_of(found, request.query_params)
        return JSONResponse({"cryptoKeyVersions": page, "totalSize": len(found), **more} if found else {})

    async def get(request: Request) -> Response:
        key, version = access.version(request, _GET)
        return JSONResponse(version.render(key.name))

    async def patch(request: Request) -> Response:
        body = await json_of(request)
        key, version = access.version(request, _UPDATE)
        state = parse_version_patch(body, request.query_params.get("updateMask", ""))
        return answer(change_state(key, version, state), version.number)

    async def destroy(request: Request) -> Response:
        await fields_of(request)
        key, version = access.version(request, _DESTROY)
        return answer(schedule_destruction(key, version, store.now()), version.number)

    async def restore_version(request: Request) -> Response:
        await fields_of(request)
        key, version = access.version(request, _RESTORE)
        return answer(restore(key, version), version.number)

    return [
        Route(_VERSION + ":destroy", destroy, methods=["POST"]),
        Route(_VERSION + ":restore", restore_version, methods=["POST"]),
        Route(_VERSIONS, create, methods=["POST"]),
        Route(_VERSIONS, list_all),
        Route(_VERSION, get),
        Route(_VERSION, patch, methods=["PATCH"]),
    ]
