"""A token as it arrives: taken apart, and believed in nothing.

Source: RFC 7515 (JWS), sections 3.1, 7.1 and appendix C; RFC 7519 (JWT).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .rejections import TokenMalformed, TokenTooLarge
from .strict_json import parse_json_object

# The largest that the platform makes: 300 image signatures with RSA-4096 keys, an environment
# as large as the metadata of a VM may be, and the certificate chain.
MAX_TOKEN_CHARACTERS = 1024 * 1024

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnverifiedToken:
    """What somebody handed in. Its claims may be shown to a person, and decide nothing."""

    header: Mapping[str, object]
    claims: Mapping[str, object]
    signing_input: bytes
    signature: bytes
    text: str

    def __repr__(self) -> str:
        return "UnverifiedToken(<redacted>)"


def parse_token(text: str) -> UnverifiedToken:
    """`text` taken apart, where it is a JWS in compact form with JSON objects for header and payload.

    There is one text for one token: padding, whitespace and stray low bits in base64url are refused.

    Raises:
        TokenTooLarge: it is longer than `MAX_TOKEN_CHARACTERS`.
        DuplicateClaim: an object in it has two members of one name.
        TokenMalformed: it is anything else.
    """
    if len(text) > MAX_TOKEN_CHARACTERS:
        raise TokenTooLarge(
            f"the token has {len(text)} characters, and {MAX_TOKEN_CHARACTERS} are the most allowed"
        )
    parts = text.split(".")
    if len(parts) != 3:
        raise TokenMalformed(
            "the token does not have three parts with dots between them",
            hint="a token is one line: header, payload and signature",
        )
    decoded = []
    for name, part in zip(("header", "payload", "signature"), parts, strict=True):
        data = decode_base64url(part)
        if data is None:
            raise TokenMalformed(f"the token's {name} is not base64url without padding")
        decoded.append(data)
    header, payload, signature = decoded
    return UnverifiedToken(
        header=parse_json_object(header, what="token's header"),
        claims=parse_json_object(payload, what="token's payload"),
        signing_input=text.rpartition(".")[0].encode("ascii"),
        signature=signature,
        text=text,
    )


def decode_base64url(text: str) -> bytes | None:
    """The bytes whose one and only unpadded base64url form is `text`, or None.

    >>> decode_base64url("AQ"), decode_base64url("AR"), decode_base64url("AQ==")
    (b'\\x01', None, None)
    """
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    canonical = base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
    return data if canonical == text else None
