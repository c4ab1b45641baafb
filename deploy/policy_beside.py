"""The owner's policy beside its image, in the image's repository: what an operator may ask before a launch.

It cannot be in the image: the policy pins the digest that covers all of the image, and it changes when an
operator is added, and the image does not. So it is an artifact of its own, which names the image as its
`subject` and is tagged by the image's digest. No digest that anybody pins covers it: whoever may push to the
repository may replace it. It helps to foresee a decision, and decides nothing.

Source: opencontainers/image-spec v1.1, manifest.md ("Guidelines for artifact usage"); sigstore/cosign,
specs/SIGNATURE_SPEC.md, for the tag.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from attestation.digests import Digest, digest_of, parse_digest
from attestation.errors import Misconfigured

from .google_api import GoogleApi, NotFound
from .pulling import fetch_manifest, read_blob, read_manifest
from .push import ImageReference, push

ARTIFACT: Final = "application/vnd.symbolon.policy.v1"
_TEXT: Final = "application/toml"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_EMPTY: Final = b"{}"
_EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"


def tag_beside(image: Digest) -> str:
    """The tag of the policy of that image.

    >>> tag_beside("sha256:" + "0" * 64)[:12]
    'sha256-00000'
    """
    return f"{image.replace(':', '-')}.policy"


def put_policy(api: GoogleApi, reference: ImageReference, image: Digest, text: str) -> None:
    """The repository has the policy `text` beside the image of that digest, in the place of one before.

    Raises:
        Misconfigured: the registry does not take it, as where tags cannot be moved.
        EvidenceRejected, Denied, Unavailable: as the registry answers.
    """
    served = fetch_manifest(api, replace(reference, tag=None, digest=image))
    data, kind = text.encode(), str(json.loads(served).get("mediaType", _MANIFEST))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "artifactType": ARTIFACT,
            "config": _descriptor(_EMPTY_TYPE, _EMPTY),
            "layers": [_descriptor(_TEXT, data)],
            "subject": _descriptor(kind, served),
        }
    )
    with tempfile.TemporaryDirectory(prefix="symbolon-") as name:
        blobs = Path(name) / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for blob in (_EMPTY, data, manifest):
            (blobs / digest_of(blob).removeprefix("sha256:")).write_bytes(blob)
        index = {"schemaVersion": 2, "manifests": [_descriptor(_MANIFEST, manifest)]}
        (Path(name) / "index.json").write_bytes(_json(index))
        try:
            push(api, Path(name), replace(reference, tag=tag_beside(image), digest=None))
        except Misconfigured as error:
            error.hint = (
                "the image is there, and its policy is not beside it: can tags be moved in the repository?"
            )
            raise


def get_policy(api: GoogleApi, reference: ImageReference, image: Digest) -> str | None:
    """The policy that lies beside the image of that digest; None where none does.

    Raises:
        Misconfigured: what lies there is no policy, or is another image's.
        EvidenceRejected: the registry serves other bytes than it names.
        Denied, Unavailable: as the registry answers.
    """
    beside = replace(reference, tag=tag_beside(image), digest=None)
    try:
        _, document = read_manifest(api, beside)
    except NotFound:
        return None
    try:
        (layer,) = document["layers"]
        if document["artifactType"] != ARTIFACT or document["subject"]["digest"] != image:
            raise ValueError
        text = read_blob(api, beside, parse_digest(layer["digest"]), what="the policy").decode()
    except (LookupError, TypeError, ValueError):
        raise Misconfigured(
            f"`{beside}` is no policy of that image",
            hint="ask the owner for the policy file, and give it with --policy",
        ) from None
    return text


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
