"""The broker's calls, described as OpenAPI has them: what `contract/` reads and writes, and nothing else.

Source: OpenAPI Specification 3.1.0; C2SP tlog-tiles.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from contract import release
from contract.release_refusals import REFUSALS

_JSON: Final = "application/json"
_DIGEST: Final = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
_HEX_64: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_NAME: Final = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_DECIMAL: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"}
_BASE64: Final = {"type": "string", "contentEncoding": "base64"}
_VERSION: Final = {"const": release.VERSION}
_OF_THE_BROKER: Final = ("broker-not-ready", "database-unavailable")
_OF_ANY_BODY: Final = ("request-malformed", "request-too-large", "broker-full", *_OF_THE_BROKER)
_OF_ANY_WORK: Final = (*_OF_ANY_BODY, "rate-limited")  # a challenge waits for no place to work in
_BEGIN_WITH: Final = ("challenge-", "broker-", "licence-", "pictures-", "lease-", "too-many-", "model-")
_OF_A_RELEASE: Final = (
    *_OF_ANY_WORK,
    *(code for code in REFUSALS if code.startswith(_BEGIN_WITH)),
    "request-of-another-broker",
)


@cache
def render_openapi() -> bytes:
    """The document, as `/openapi.json` has it."""
    return json.dumps(_document()).encode()


def _document() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "symbolon broker",
            "version": str(release.VERSION),
            "description": "Releases a model's key, run by run, to a machine that proves what it runs.",
        },
        "paths": {
            "/v1/challenge": {
                "post": _call(
                    "challenge",
                    "A challenge, to be used once.",
                    _object(version=_VERSION, challenge=_HEX_64, ends_at=_DECIMAL),
                    codes=_OF_ANY_BODY,
                )
            },
            "/v1/release": {
                "post": _call(
                    "release",
                    "The key for a request whose digest a token of the platform's speaks for, or a renewal.",
                    _object(
                        version=_VERSION,
                        request=_DIGEST,
                        lease=_NAME,
                        lease_ends_at=_DECIMAL,
                        lease_s=_DECIMAL,
                        pictures=_DECIMAL,
                        sealed={"anyOf": [_BASE64, {"type": "null"}]},
                        logged=_object(
                            entry=_BASE64,
                            opening=_BASE64,
                            index=_DECIMAL,
                            checkpoint={"type": "string"},
                            proof={"type": "array", "items": _HEX_64, "maxItems": 64},
                        ),
                    ),
                    codes=_OF_A_RELEASE,
                    body=_object(request=_BASE64, token={"type": "string"}),
                )
            },
            "/v1/report": {
                "post": _call(
                    "report",
                    "A receipt, which brings unused pictures back and ends its lease.",
                    {"type": "object"},
                    codes=(*_OF_ANY_WORK, "report-rejected", "lease-unknown"),
                    body=_ENVELOPE,
                )
            },
            "/v1/orders": {
                "post": _call(
                    "order",
                    "What the owner changes, signed by as many of their keys as it needs.",
                    _ENVELOPE,
                    codes=(*_OF_ANY_WORK, "order-rejected", "order-out-of-turn", "request-of-another-broker"),
                    body=_object(format={"const": 1}, body=_BASE64, envelope={"type": "object"}),
                )
            },
            "/v1/query": {
                "post": _call(
                    "query",
                    "What the owner asks, signed by one of their keys and no older than a minute.",
                    _ENVELOPE,
                    codes=(*_OF_ANY_WORK, "order-rejected", "request-of-another-broker", "licence-unknown"),
                    body={"type": "object"},
                )
            },
            "/checkpoint": {"get": _text("checkpoint", "The log's newest checkpoint, a signed note.")},
            "/tile/{level}/{tile}": {"get": _tile("tile", "Digests of the log's tree.", "level")},
            "/tile/entries/{tile}": {"get": _tile("entries", "Entries of the log.")},
            "/healthz": {"get": _get("alive", "The process answers.", _object(alive={"const": True}))},
            "/readyz": {
                "get": _get(
                    "ready",
                    "Whether it would release now.",
                    _object(
                        ready={"type": "boolean"},
                        checks={"type": "object", "additionalProperties": {"type": "string"}},
                    ),
                    not_ready=True,
                )
            },
            "/metrics": {"get": _text("metrics", "Numbers for Prometheus.")},
            "/openapi.json": {"get": _get("openapi", "This document.", {"type": "object"})},
        },
    }


def _object(**members: object) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


_ENVELOPE: Final = _object(
    payloadType={"type": "string"},
    payload=_BASE64,
    signatures={
        "type": "array",
        "minItems": 1,
        "items": _object(keyid={"type": "string"}, sig=_BASE64),
    },
)


def _call(
    name: str,
    says: str,
    answer: dict[str, Any],
    *,
    codes: tuple[str, ...],
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A `POST`, with each status that a refusal of `codes` has."""
    described: dict[str, Any] = {"operationId": name, "summary": says, "responses": _responses(answer, codes)}
    if body is not None:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": body}}}
    return described


def _responses(answer: dict[str, Any], codes: tuple[str, ...]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in sorted(set(codes)):
        by_status.setdefault(REFUSALS[code].status, []).append(code)
    return {
        "200": {"description": "Yes.", "content": {_JSON: {"schema": answer}}},
        **{
            str(status): {
                "description": "No: " + ", ".join(of_status),
                "content": {_JSON: {"schema": _refusal({"enum": of_status})}},
            }
            for status, of_status in sorted(by_status.items())
        },
    }


def _refusal(code: dict[str, Any]) -> dict[str, Any]:
    """Source: `contract.release_refusals`."""
    text = {"type": "string"}
    return _object(error=_object(code=code, message=text, hint=text))


def _get(name: str, says: str, answer: dict[str, Any], *, not_ready: bool = False) -> dict[str, Any]:
    content = {_JSON: {"schema": answer}}
    responses = {"200": {"description": "Yes.", "content": content}}
    if not_ready:
        responses["503"] = {"description": "No, and why.", "content": content}
    return {"operationId": name, "summary": says, "responses": responses}


def _text(name: str, says: str) -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": name,
        "summary": says,
        "responses": {"200": {"description": "Yes.", "content": content}, **_absent()},
    }


def _tile(name: str, says: str, *before: str) -> dict[str, Any]:
    """A tile by its number: groups of three digits, and `.p/W` where it is not full."""
    return {
        "operationId": name,
        "summary": says,
        "parameters": [
            {"name": each, "in": "path", "required": True, "schema": {"type": "string"}}
            for each in (*before, "tile")
        ],
        "responses": {
            "200": {
                "description": "The tile.",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            **_absent(),
        },
    }


def _absent() -> dict[str, Any]:
    codes: dict[str, dict[str, Any]] = {
        "404": {"const": "no-such-call"},
        "503": {"enum": sorted(_OF_THE_BROKER)},
    }
    return {
        status: {"description": "No.", "content": {_JSON: {"schema": _refusal(code)}}}
        for status, code in codes.items()
    }
