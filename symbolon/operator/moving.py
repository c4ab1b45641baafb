"""Whether a tag still names the image that somebody looked at."""

from __future__ import annotations

from dataclasses import replace

from attestation.errors import EvidenceRejected
from deploy.google_api import GoogleApi
from deploy.push import ImageReference, resolve


class ImageMoved(EvidenceRejected):
    """The tag names another image than the one that was looked at."""

    code = "image-moved"


def check_unmoved(api: GoogleApi, reference: ImageReference) -> None:
    """The tag names the digest that is written beside it; a reference without both has nothing to compare.

    Raises:
        ImageMoved: it names another one.
        NotFound: there is no such tag.
        Denied, Unavailable: as the registry answers.
    """
    if reference.tag is None or reference.digest is None:
        return
    found = resolve(api, replace(reference, digest=None))
    if found != reference.digest:
        raise ImageMoved(
            f"tag `{reference.tag}` of `{reference.repository}` was moved: it is `{found}` now,"
            f" and was `{reference.digest}`",
            hint="ask the owner which one is meant; without the tag, the digest alone decides",
        )
