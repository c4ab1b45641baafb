"""A policy file made to name one image, and everything else of it, comments included, left as it is."""

from __future__ import annotations

import re

from attestation.digests import Digest
from attestation.errors import Misconfigured

from .policy_file import parse_policy

_PINNED = re.compile(
    r"^(?P<key>[ \t]*image_digests[ \t]*=[ \t]*)\[[^\]]*\](?P<rest>[ \t]*(?:#[^\n]*)?)$", re.MULTILINE
)


def pin_image(text: str, digest: Digest, *, built_by: str) -> str:
    """The policy file `text` with `digest` as the one image that it admits; `built_by` stands beside it.

    Raises:
        Misconfigured: it is no policy, or its `image_digests` are written so that they cannot be replaced.
    """
    if parse_policy(text).conditions.what.image_digests == (digest,):
        return text
    line = f'image_digests = ["{digest}"]  # built by {built_by}'
    pinned, times = _PINNED.subn(lambda found: line, text)
    if times != 1 or parse_policy(pinned).conditions.what.image_digests != (digest,):
        raise Misconfigured(
            "the policy's `image_digests` do not stand on one line of their own, so the image was not pinned",
            hint=f'write it yourself, below `[what]`: image_digests = ["{digest}"]',
        )
    return pinned
