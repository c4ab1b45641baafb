"""Cloud Storage's `gs://` names: one object, or the folder that a prefix makes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from attestation.errors import Misconfigured, quoted

_BUCKET = r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"
_OBJECT_URI = re.compile(rf"gs://({_BUCKET})/([^\r\n]{{1,1024}})")
_FOLDER_URI = re.compile(rf"gs://({_BUCKET})(?:/([^\r\n]{{0,900}}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectUri:
    """One object of a bucket."""

    bucket: str
    name: str

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderUri:
    """Every object of `bucket` whose name starts with `prefix`, which is empty or ends in `/`."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.prefix}"


def parse_object_uri(text: str, *, where: str) -> ObjectUri:
    """`text` names one object.

    >>> parse_object_uri("gs://models/lite0.tar.gz", where="model.uri").name
    'lite0.tar.gz'

    Raises:
        Misconfigured: it does not; `where` says which setting it came from.
    """
    match = _OBJECT_URI.fullmatch(text)
    if match is None or match[2].endswith("/"):
        raise Misconfigured(f"{where} {quoted(text)} names no object", hint="write `gs://bucket/object`")
    return ObjectUri(bucket=match[1], name=match[2])


def parse_folder_uri(text: str, *, where: str) -> FolderUri:
    """`text` names a bucket, or a folder of one; the closing slash may be left out.

    >>> str(parse_folder_uri("gs://photos/june", where="INPUT_URI"))
    'gs://photos/june/'

    Raises:
        Misconfigured: it does not; `where` says which setting it came from.
    """
    match = _FOLDER_URI.fullmatch(text)
    if match is None:
        raise Misconfigured(
            f"{where} {quoted(text)} names no bucket", hint="write `gs://bucket` or `gs://bucket/folder`"
        )
    folder = (match[2] or "").rstrip("/")
    return FolderUri(bucket=match[1], prefix=f"{folder}/" if folder else "")
