"""Several calls in one request, by google-cloud-storage's `batch`."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions

from tests.emulator.storage.uploading import names, upload


def test_a_batch_makes_each_call(bucket: Any, owner: Any) -> None:
    for name in ("a", "b", "c"):
        upload(bucket, name)
    with owner.batch():
        bucket.blob("a").delete()
        bucket.blob("b").delete()
    assert names(bucket.list_blobs()) == ["c"]


def test_a_failed_call_of_a_batch_is_told(bucket: Any, owner: Any) -> None:
    with pytest.raises(exceptions.NotFound, match="No such object"), owner.batch():
        bucket.blob("none").delete()
