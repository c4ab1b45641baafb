"""The launcher's socket in the container: `GET` for the default token, `POST` for a custom one.

Errors are plain text, a token is the raw JWT called text/html, as the real one calls it. The
verifier's own limits (nonces, audience) are Google's; the sentences about them are ours, since
Google's are not published. Key endorsements and host attestations are refused as by a launcher whose
experiments are off. Absent, and told so: AWS token types, and evidence, since nothing is measured.

Source: google/go-tpm-tools at 67670e5c021a (21 August 2026), launcher/teeserver/tee_server.go and
verifier/models/models.go; Confidential Space documentation, "Attestation tokens".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from policy.go_text import GoError, json_kind, json_syntax
from policy.launch_claims import LaunchFacts

from ..verifier import DEFAULT_AUDIENCE, Verifier

MOST_NONCES = 6
NONCE_BYTES = range(8, 89)
LONGEST_AUDIENCE_BYTES = 512

_NOT_ENABLED = {
    "/v1/hostAttestation": "host attestation not enabled",
    "/v1/keys:getEndorsement": "keymanager not enabled",
}
"""What the socket has where an experiment of Google's is on → what it says where that is off."""
_FIELDS = ("audience", "nonces", "token_type", "aws_principal_tag_options")
_NO_INTEL = "no ITA verifier client present - ensure ITA Region and Key are defined in metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOptions:
    """What a workload may ask of its token."""

    audience: str = ""
    nonces: tuple[str, ...] = ()
    kind: str = ""


def make_app(verifier: Verifier, facts: LaunchFacts) -> Starlette:
    """The server that one instance's container talks to."""

    async def token(request: Request) -> Response:
        if request.method == "GET":
            return _text(verifier.mint(facts, audience=DEFAULT_AUDIENCE), 200)
        if request.method != "POST":
            return _text(f"TEE server received an invalid HTTP method: {request.method}", 400)
        try:
            options = parse_token_options(await request.body())
        except GoError as error:
            return _text(str(error), 400)
        minted = verifier.mint(
            facts, audience=options.audience, nonces=options.nonces, pki=options.kind == "PKI"
        )
        return _text(minted, 200)

    async def intel_token(_request: Request) -> Response:
        return _text(_NO_INTEL, 500)

    async def not_enabled(request: Request) -> Response:
        return Response(_NOT_ENABLED[request.url.path], 403, media_type="text/plain")

    async def evidence(request: Request) -> Response:
        if request.method != "POST":
            return Response("method not allowed", 405, media_type="text/plain")
        sentence = "symbolon emulator: nothing is measured, so there is no evidence to give"
        return Response(sentence, 400, media_type="text/plain")

    async def not_found(_request: Request, _error: Exception) -> Response:
        return Response("404 page not found\n", 404, media_type="text/plain")

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/v1/token", token, methods=methods),
            Route("/v1/intel/token", intel_token, methods=methods),
            Route("/v1/evidence", evidence, methods=methods),
            *(Route(path, not_enabled, methods=methods) for path in _NOT_ENABLED),
        ],
        exception_handlers={404: not_found, HTTPException: not_found},
    )


def parse_token_options(body: bytes) -> TokenOptions:
    """The options that `body` asks for, within the limits.

    Raises:
        GoError: with the text that the container is answered, status 400.
    """
    try:
        options = _decode(body)
    except GoError as error:
        raise GoError(f"failed to parse POST body as TokenOptions: {error}") from None
    if not options.audience:
        raise GoError("use GET request for the default identity token")
    if not options.kind:
        raise GoError("token_type is a required parameter")
    if reason := _limit_error(options):
        raise GoError(f"failed to retrieve custom attestation service token: {reason}")
    return options


def _decode(body: bytes) -> TokenOptions:
    text = body.decode("utf-8", errors="replace")
    try:
        document, _ = json.JSONDecoder().raw_decode(text.lstrip())  # Go reads one value and stops
    except json.JSONDecodeError as error:
        raise GoError(json_syntax(text.lstrip(), error)) from None
    except RecursionError:
        raise GoError("exceeded max depth") from None
    if not isinstance(document, dict):
        raise GoError(
            f"json: cannot unmarshal {json_kind(document)} into Go value of type models.TokenOptions"
        )
    fields: dict[str, Any] = {}
    for name, value in document.items():
        if name.lower() not in _FIELDS:
            raise GoError(f'json: unknown field "{name}"')
        fields[name.lower()] = value
    return TokenOptions(
        audience=_string(fields, "audience"),
        nonces=_strings(fields, "nonces"),
        kind=_string(fields, "token_type"),
    )


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise _wrong_kind(value, name, "string")
    return value


def _strings(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name) or []
    if not isinstance(value, list):
        raise _wrong_kind(value, name, "[]string")
    for item in value:
        if not isinstance(item, str):
            raise _wrong_kind(item, name, "string")
    return tuple(value)


def _wrong_kind(value: object, name: str, wanted: str) -> GoError:
    kind = json_kind(value)
    return GoError(f"json: cannot unmarshal {kind} into Go struct field TokenOptions.{name} of type {wanted}")


def _limit_error(options: TokenOptions) -> str:
    if len(options.audience.encode()) > LONGEST_AUDIENCE_BYTES:
        return f"audience is longer than {LONGEST_AUDIENCE_BYTES} bytes"
    if len(options.nonces) > MOST_NONCES:
        return f"more than {MOST_NONCES} nonces"
    for nonce in options.nonces:
        if len(nonce.encode()) not in NONCE_BYTES:
            return f"a nonce must be {NONCE_BYTES[0]} to {NONCE_BYTES[-1]} bytes long"
    if options.kind not in ("OIDC", "PKI"):
        return f"the emulator has no token type {options.kind}"
    return ""


def _text(text: str, status: int) -> Response:
    return Response(text, status, headers={"content-type": "text/html"})
