"""Keys: made with a first version, rotated by hand or by the clock, and there for good.

Source: Cloud KMS API reference v1, `projects.locations.keyRings.cryptoKeys`.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..bodies import fields_of, json_of
from ..iam.authorization import empty_policy
from ..pages import page_of
from .access import Access, Asked
from .errors import already_exists, not_found
from .key_requests import apply_patch, check_view, parse_flag, parse_id, parse_key, parse_primary
from .keys import CryptoKey
from .lifecycle import add_version, make_primary
from .store import KeyStore

_KEYS = "/v1/projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys"
_KEY = _KEYS + "/{key}"
_KEY_ID_BYTES = 16
_CREATE = Asked(permission="cryptoKeys.create", method="CreateCryptoKey")
_LIST = Asked(permission="cryptoKeys.list", method="ListCryptoKeys")
_GET = Asked(permission="cryptoKeys.get", method="GetCryptoKey")
_UPDATE = Asked(permission="cryptoKeys.update", method="UpdateCryptoKey")
_UPDATE_PRIMARY = Asked(permission="cryptoKeys.update", method="UpdateCryptoKeyPrimaryVersion")


def routes(access: Access, store: KeyStore) -> list[BaseRoute]:
    """`…/keyRings/R/cryptoKeys…`."""

    async def create(request: Request) -> Response:
        body = await json_of(request)
        ring, _ = access.ring(request, _CREATE)
        name = f"{ring}/cryptoKeys/{parse_id(request.query_params, 'cryptoKeyId')}"
        is_empty = parse_flag(request.query_params, "skipInitialVersionCreation")
        now = store.now()
        wanted = parse_key(body, now)
        if store.key(name) is not None:
            raise already_exists("CryptoKey", name)
        key = CryptoKey(
            name=name,
            key_id=secrets.token_bytes(_KEY_ID_BYTES),
            created_at=now,
            destroy_scheduled_s=wanted.destroy_scheduled_s,
            labels=wanted.labels,
            rotation_period_s=wanted.rotation_period_s,
            next_rotation_at=wanted.next_rotation_at,
            primary=None,
            versions=(),
            policy=empty_policy(),
        )
        if not is_empty:
            key = replace(add_version(key, now), primary=1)
        return JSONResponse(store.put_key(key).render())

    async def list_all(request: Request) -> Response:
        check_view(request.query_params, "versionView")
        ring, _ = access.ring(request, _LIST)
        found = [(name, key.render()) for name, key in store.keys_in(ring)]
        page, more = page_of(found, request.query_params)
        return JSONResponse({"cryptoKeys": page, "totalSize": len(found), **more} if found else {})

    async def get(request: Request) -> Response:
        return JSONResponse(access.key(request, _GET).render())

    async def patch(request: Request) -> Response:
        body = await json_of(request)
        key = access.key(request, _UPDATE)
        changed = apply_patch(key, body, request.query_params.get("updateMask", ""), store.now())
        return JSONResponse(store.put_key(changed).render())

    async def update_primary_version(request: Request) -> Response:
        body = await fields_of(request, "cryptoKeyVersionId")
        key = access.key(request, _UPDATE_PRIMARY)
        number = parse_primary(body)
        version = key.version(number)
        if version is None:
            raise not_found("CryptoKeyVersion", f"{key.name}/cryptoKeyVersions/{number[:20]}")
        return JSONResponse(store.put_key(make_primary(key, version)).render())

    return [
        Route(_KEY + ":updatePrimaryVersion", update_primary_version, methods=["POST"]),
        Route(_KEYS, create, methods=["POST"]),
        Route(_KEYS, list_all),
        Route(_KEY, get),
        Route(_KEY, patch, methods=["PATCH"]),
    ]
