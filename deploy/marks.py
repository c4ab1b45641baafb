"""By what a resource is known as made by this program: it says so itself, from the call that creates it on.

A label where the API has labels (buckets, repositories, keys), else a sentence in the description (accounts,
pools, providers); a key ring has neither, and nothing of it is ever changed. What bears no mark is somebody
else's: it may be used as it is, and is neither changed nor deleted. Whoever wants otherwise puts the mark
there. A grant bears none: it is ours where its member is, or what it stands on.

Source: docs/decisions/0019-what-we-made-says-so.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .resources import Bucket, CryptoKey, DockerRepository, KeyRing, Made

LABEL: Final = ("managed-by", "symbolon")
SENTENCE: Final = "Made by symbolon (managed-by=symbolon)."
_LABELLED: Final = Bucket | DockerRepository | CryptoKey


def mark_of(resource: Made) -> dict[str, Any]:
    """The fields that bear the mark, as the resource's own JSON has them."""
    if isinstance(resource, _LABELLED):
        return {"labels": dict([LABEL])}
    if isinstance(resource, KeyRing):
        return {}
    return {"description": SENTENCE}


def is_ours(resource: Made, found: Mapping[str, Any] | None) -> bool:
    """Whether what was found there was made by this program, for the resource's own project."""
    if found is None:
        return False
    if isinstance(resource, Bucket) and found.get("projectNumber") != resource.project.number:
        return False  # names are global: the mark of somebody else's bucket says nothing of ours
    if isinstance(resource, _LABELLED):
        return bool((found.get("labels") or {}).get(LABEL[0]) == LABEL[1])
    return SENTENCE in str(found.get("description", ""))
