"""Objects in a bucket, by google-cloud-storage, and their names."""

from __future__ import annotations

import random
from typing import Any

MIB = 2**20
BIG = random.Random(1).randbytes(3 * MIB + 12345)


def upload(bucket: Any, name: str, data: bytes = b"data", **options: Any) -> Any:
    blob = bucket.blob(name)
    blob.upload_from_string(data, **options)
    return blob


def names(blobs: Any) -> list[str]:
    return [blob.name for blob in blobs]
