"""SHA-256 digests in the form that images, models and claims share: `sha256:` and 64 hex digits.

Source: opencontainers/image-spec, descriptor.md, "Digests".
"""

from __future__ import annotations

import hashlib
import re
from typing import NewType

from .errors import Misconfigured, quoted

Digest = NewType("Digest", str)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def parse_digest(text: str) -> Digest:
    """`text` is a SHA-256 digest in canonical form.

    >>> parse_digest("sha256:" + "0" * 64)[:10]
    'sha256:000'

    Raises:
        Misconfigured: anything else, upper-case hex digits included.
    """
    if not _DIGEST.fullmatch(text):
        raise Misconfigured(
            f"{quoted(text)} is not a digest",
            hint="write `sha256:` and 64 lower-case hex digits",
        )
    return Digest(text)


def digest_of(data: bytes) -> Digest:
    """The digest of `data`.

    >>> digest_of(b"")[:19]
    'sha256:e3b0c44298fc'
    """
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())
