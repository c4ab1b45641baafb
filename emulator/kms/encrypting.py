"""`encrypt` and `decrypt`, with the checksums that tell a damaged request or answer from a whole one.

Every field of bytes may come with its CRC32C: one that does not match is refused before anything is done, and
`verified…` says that one came and was looked at. Fields that are false or empty are left out of an answer.

Source: Cloud KMS API reference v1, `cryptoKeys.encrypt` and `cryptoKeys.decrypt`; Cloud KMS documentation,
"Verify end-to-end data integrity"; protocol buffers, "ProtoJSON Format", for bytes and numbers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import google_crc32c
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..bodies import json_of
from ..errors import GoogleError
from ..state import Document
from .access import Access, Asked
from .ciphertexts import decrypt, encrypt, parse_ciphertext
from .errors import INVALID_CIPHERTEXT, WRONG_KEY, invalid, no_primary, wrong_checksum
from .keys import TEMPLATE, CryptoKey, KeyVersion
from .lifecycle import require_state

_KEY = "/v1/projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{key}"
_MOST_BYTES = 65_536
_ENCRYPT = Asked(permission="cryptoKeyVersions.useToEncrypt", method="Encrypt")
_DECRYPT = Asked(permission="cryptoKeyVersions.useToDecrypt", method="Decrypt")
_AAD = "additionalAuthenticatedData"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Bytes of a request; `verified` if a checksum came with them."""

    data: bytes
    verified: bool

    def __repr__(self) -> str:
        return f"Checked(<{len(self.data)} bytes>, verified={self.verified})"


def routes(access: Access) -> list[BaseRoute]:
    """`…/cryptoKeys/K:encrypt`, which can name a version as well, and `…/cryptoKeys/K:decrypt`."""

    def answer_encrypt(body: Mapping[str, Any], key: CryptoKey, version: KeyVersion) -> Response:
        _refuse_other_fields(body, ("plaintext", _AAD))
        plaintext, aad = parse_bytes(body, "plaintext"), parse_bytes(body, _AAD)
        require_state(key, version, "ENABLED")
        ciphertext = encrypt(
            plaintext.data,
            aad.data,
            material=version.material,
            key_id=key.key_id,
            version=version.number,
        )
        answer: Document = {
            "name": key.name_of(version),
            **_render_bytes("ciphertext", ciphertext),
            "verifiedPlaintextCrc32c": plaintext.verified,
            "verifiedAdditionalAuthenticatedDataCrc32c": aad.verified,
            "protectionLevel": TEMPLATE["protectionLevel"],
        }
        return JSONResponse({field: value for field, value in answer.items() if value})

    async def encrypt_by_key(request: Request) -> Response:
        body = await json_of(request)
        key = access.key(request, _ENCRYPT)
        if key.primary is None:
            raise no_primary(key.name)
        return answer_encrypt(body, key, key.versions[key.primary - 1])

    async def encrypt_by_version(request: Request) -> Response:
        body = await json_of(request)
        return answer_encrypt(body, *access.version(request, _ENCRYPT))

    async def decrypt_by_key(request: Request) -> Response:
        body = await json_of(request)
        key = access.key(request, _DECRYPT)
        _refuse_other_fields(body, ("ciphertext", _AAD))
        sealed, aad = parse_bytes(body, "ciphertext", most_bytes=2 * _MOST_BYTES), parse_bytes(body, _AAD)
        ciphertext = parse_ciphertext(sealed.data)
        if ciphertext.key_id != key.key_id:
            raise GoogleError(400, WRONG_KEY)
        version = key.version(str(ciphertext.version))
        if version is None:
            raise GoogleError(400, INVALID_CIPHERTEXT)
        require_state(key, version, "ENABLED")
        plaintext = decrypt(ciphertext, aad.data, version.material)
        answer: Document = {
            **_render_bytes("plaintext", plaintext),
            "usedPrimary": version.number == key.primary,
            "protectionLevel": TEMPLATE["protectionLevel"],
        }
        return JSONResponse({field: value for field, value in answer.items() if value})

    return [
        Route(_KEY + ":encrypt", encrypt_by_key, methods=["POST"]),
        Route(_KEY + ":decrypt", decrypt_by_key, methods=["POST"]),
        Route(_KEY + "/cryptoKeyVersions/{version}:encrypt", encrypt_by_version, methods=["POST"]),
    ]


def parse_bytes(body: Mapping[str, Any], field: str, *, most_bytes: int = _MOST_BYTES) -> Checked:
    """The bytes of a field, held against the checksum beside it; a field that is absent is empty.

    Raises:
        GoogleError: 400 for what is no base64, too long, or has another checksum.
    """
    name = _snake_case(field)
    try:
        data = _parse_base64(body.get(field, ""))
    except ValueError:
        raise invalid(name, "it is bytes, in base64") from None
    if len(data) > most_bytes:
        raise invalid(name, f"it has {len(data)} bytes, and {most_bytes} is the most")
    checksum = body.get(f"{field}Crc32c")
    if checksum is None:
        return Checked(data=data, verified=False)
    if not re.fullmatch(r"\d{1,19}", str(checksum)) or isinstance(checksum, bool):
        raise invalid(f"{name}_crc32c", "it is a whole number, in a text")
    if int(checksum) != google_crc32c.value(data):
        raise wrong_checksum(name)
    return Checked(data=data, verified=True)


def _parse_base64(text: object) -> bytes:
    """Either alphabet, with or without padding."""
    if not isinstance(text, str):
        raise ValueError
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _render_bytes(field: str, data: bytes) -> Document:
    return {field: base64.b64encode(data).decode(), f"{field}Crc32c": str(google_crc32c.value(data))}


def _refuse_other_fields(body: Mapping[str, Any], fields: Collection[str]) -> None:
    known = {name for field in fields for name in (field, f"{field}Crc32c", "name")}
    for name in body.keys() - known:
        raise GoogleError(
            400, f'Invalid JSON payload received. Unknown name "{name[:40]}": Cannot find field.'
        )


def _snake_case(field: str) -> str:
    return re.sub(r"([A-Z])", lambda match: f"_{match[1].lower()}", field)
