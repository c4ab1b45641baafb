"""`job.json`: what one job is, fixed by its first start and read by every later one.

    {"format": 1,
     "image_digest": "sha256:…", "terms_digest": "sha256:…",
     "request": {"input": "gs://…", "result": "gs://…", "top_k": 5},
     "listing": {"pictures": [{"name", "generation", "size", "crc32c"?, "is_gzipped"?}],
                 "left_out": {"placeholders": "1", "other_names": "3"}},
     "token": "…"}

- The **job digest** is SHA-256 over image digest, terms' digest, request and listing, as RFC 8785 writes
  them. It is what parts and receipt call this job by. `BATCH_SIZE` is not in it: whoever ran out of memory
  asks for less and goes on.
- `token` is the platform's, for the audience of `contract.parts` and with `job_nonce` as its nonce. The
  folder is the operator's, so a job without a token of the very image that reads it is nobody's.
- Generations and sizes have up to 64 bits, so they are strings of digits.

Source: RFC 8785; Cloud Storage JSON API, "Objects".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured
from attestation.strict_json import parse_json_object

from . import members
from .canonical import decimal, parse_decimal, render_canonical
from .formats import check_format
from .uris import FolderUri, parse_folder_uri

FORMAT = 1
NAME = "job.json"
CLEAR = "clear the folder with `symbolon operator results clear {folder}`, or name an empty one"
"""What an operator does about a folder that holds something else than was expected."""

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
_DOMAIN = "symbolon:job:v1"
_WHAT = f"`{NAME}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPicture:
    """An object that was there when the bucket was listed; later generations of it are not read.

    `crc32c` is named of one that is read by ranges, which have no checksum of their own. It and `size` are
    those of the bytes as they are stored, which may be gzip's (Content-Encoding): then it `is_gzipped`.
    """

    name: str
    generation: int
    size: int
    crc32c: str = ""
    is_gzipped: bool = False


def is_picture(name: str) -> bool:
    """The object's name ends as a picture's does.

    >>> is_picture("june/Cat.JPG"), is_picture("june/notes.txt")
    (True, False)
    """
    return name.lower().endswith(PICTURE_SUFFIXES)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Objects of the input folder that are no pictures: how many, by why they were left out.

    `placeholders` stand for a folder (their names end in `/`); `other_names` end in no picture's suffix.
    """

    placeholders: int = 0
    other_names: int = 0


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """One job: which image runs by which terms, what was asked for, and what was listed."""

    image_digest: Digest
    terms_digest: Digest
    input: FolderUri
    result: FolderUri
    top_k: int
    pictures: tuple[ListedPicture, ...]
    left_out: LeftOut

    @cached_property
    def digest(self) -> Digest:
        """The job digest."""
        return digest_of(render_canonical({"domain": _DOMAIN, **self._said()}))

    def _said(self) -> dict[str, Any]:
        return {
            "image_digest": self.image_digest,
            "terms_digest": self.terms_digest,
            "request": {"input": str(self.input), "result": str(self.result), "top_k": self.top_k},
            "listing": {
                "pictures": [_said_of(picture) for picture in self.pictures],
                "left_out": {
                    "placeholders": decimal(self.left_out.placeholders),
                    "other_names": decimal(self.left_out.other_names),
                },
            },
        }


def job_nonce(digest: Digest) -> str:
    """The nonce of the token in `job.json`: 64 hex digits."""
    return digest_of(render_canonical({"domain": _DOMAIN, "job": digest})).removeprefix("sha256:")


def render_job(job: JobRecord, *, token: str) -> bytes:
    """The content of `job.json`."""
    return render_canonical({"format": FORMAT, **job._said(), "token": token}) + b"\n"


def parse_job(data: bytes, *, folder: FolderUri) -> tuple[JobRecord, str]:
    """The job and its token, which nobody has verified; `folder` is where the bytes lie.

    Raises:
        Misconfigured: its format is not known, or it is no such document.
    """
    hint = CLEAR.format(folder=folder)
    try:
        document = parse_json_object(data, what=NAME)
    except EvidenceRejected:
        raise _not_ours(hint) from None
    check_format(document.get("format"), known=FORMAT, what=_WHAT, hint=hint)
    try:
        return _job(document), members.text(document["token"])
    except (LookupError, TypeError, ValueError, Misconfigured):
        raise _not_ours(hint) from None


def _job(document: Mapping[str, Any]) -> JobRecord:
    request, listing = document["request"], document["listing"]
    top_k = request["top_k"]
    if type(top_k) is not int or set(document) - {"format", "token"} != {
        *("image_digest", "terms_digest", "request", "listing")
    }:
        raise TypeError
    return JobRecord(
        image_digest=members.digest(document["image_digest"]),
        terms_digest=members.digest(document["terms_digest"]),
        input=parse_folder_uri(members.text(request["input"]), where="request.input"),
        result=parse_folder_uri(members.text(request["result"]), where="request.result"),
        top_k=top_k,
        pictures=tuple(_picture(each) for each in listing["pictures"]),
        left_out=LeftOut(
            **{name: parse_decimal(listing["left_out"][name]) for name in ("placeholders", "other_names")}
        ),
    )


def _said_of(picture: ListedPicture) -> dict[str, str | bool]:
    said: dict[str, str | bool] = {
        "name": picture.name,
        "generation": decimal(picture.generation),
        "size": decimal(picture.size),
    }
    if picture.crc32c:
        said["crc32c"] = picture.crc32c
    if picture.is_gzipped:
        said["is_gzipped"] = True
    return said


def _picture(said: Mapping[str, Any]) -> ListedPicture:
    return ListedPicture(
        name=members.text(said["name"]),
        generation=parse_decimal(said["generation"]),
        size=parse_decimal(said["size"]),
        crc32c=members.text(said.get("crc32c", "")),
        is_gzipped=_truth(said.get("is_gzipped", False)),
    )


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _not_ours(hint: str) -> Misconfigured:
    return Misconfigured(f"{_WHAT} is not as this program writes it", hint=hint)
