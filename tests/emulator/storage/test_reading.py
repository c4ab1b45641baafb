"""Objects out of Cloud Storage, whole, in ranges and unpacked, as google-cloud-storage reads them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import transfer_manager

from tests.emulator.storage.uploading import BIG, MIB, upload


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5", None])
def test_a_download_is_what_was_uploaded(bucket: Any, checksum: str | None) -> None:
    assert upload(bucket, "big", BIG).download_as_bytes(checksum=checksum) == BIG


def test_an_empty_object_can_be_read(bucket: Any) -> None:
    assert upload(bucket, "empty", b"").download_as_bytes() == b""


def test_a_range_is_read_at_both_ends(bucket: Any) -> None:
    blob = upload(bucket, "big", BIG)
    assert blob.download_as_bytes(start=100, end=199) == BIG[100:200]
    assert blob.download_as_bytes(start=len(BIG) - 10) == BIG[-10:]
    assert blob.download_as_bytes(start=len(BIG) - 1, end=len(BIG) + 99) == BIG[-1:]


def test_the_last_bytes_are_read_by_their_number(
    bucket: Any, session_of: Callable[[str], AuthorizedSession]
) -> None:
    url = upload(bucket, "big", BIG).media_link
    answer = session_of("owner").get(url, headers={"range": "bytes=-7"})
    assert answer.status_code == 206
    assert answer.content == BIG[-7:]
    assert answer.headers["content-range"] == f"bytes {len(BIG) - 7}-{len(BIG) - 1}/{len(BIG)}"


def test_a_range_beyond_the_end_is_not_satisfiable(bucket: Any) -> None:
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        upload(bucket, "short").download_as_bytes(start=4)


def test_a_download_in_chunks_is_whole(bucket: Any) -> None:
    upload(bucket, "big", BIG)
    target = io.BytesIO()
    bucket.blob("big", chunk_size=MIB).download_to_file(target, checksum="crc32c")
    assert target.getvalue() == BIG


def test_a_reader_seeks_and_goes_on(bucket: Any) -> None:
    upload(bucket, "big", BIG)
    with bucket.blob("big").open("rb", chunk_size=MIB) as reader:
        reader.seek(5)
        assert reader.read(10) == BIG[5:15]
        assert reader.read() == BIG[15:]


def test_ranges_are_downloaded_concurrently(bucket: Any, tmp_path: Path) -> None:
    blob = upload(bucket, "big", BIG)
    transfer_manager.download_chunks_concurrently(
        blob, tmp_path / "big", chunk_size=MIB, max_workers=4, worker_type="thread"
    )
    assert (tmp_path / "big").read_bytes() == BIG


def test_a_download_says_what_it_is(bucket: Any, session_of: Callable[[str], AuthorizedSession]) -> None:
    blob = upload(bucket, "o", b"hello", content_type="text/plain")
    headers = session_of("owner").get(blob.media_link).headers
    assert headers["x-goog-hash"] == f"crc32c={blob.crc32c},md5={blob.md5_hash}"
    assert headers["x-goog-generation"] == str(blob.generation)
    assert headers["x-goog-stored-content-length"] == "5"
    assert headers["content-type"] == "text/plain"


def test_gzip_content_is_served_as_it_is_stored(bucket: Any) -> None:
    blob = bucket.blob("z")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(b"hi" * 100), content_type="text/plain")
    assert blob.download_as_bytes() == b"hi" * 100


def test_gzip_is_unpacked_for_a_client_that_reads_none_and_its_range_is_passed_over(
    bucket: Any, session_of: Callable[[str], AuthorizedSession]
) -> None:
    blob = bucket.blob("z")
    blob.content_encoding = "gzip"
    packed = gzip.compress(BIG)
    blob.upload_from_string(packed, content_type="text/plain")
    session = session_of("owner")
    answer = session.get(blob.media_link, headers={"accept-encoding": "identity", "range": "bytes=1-2"})
    assert (answer.status_code, answer.content == BIG) == (200, True)
    assert "content-encoding" not in answer.headers
    assert answer.headers["x-goog-stored-content-encoding"] == "gzip"
    assert answer.headers["x-goog-stored-content-length"] == str(len(packed))
    as_stored = session.get(blob.media_link, headers={"range": "bytes=1-2"}, stream=True)
    assert (as_stored.status_code, as_stored.raw.read()) == (206, packed[1:3])


@pytest.mark.parametrize("change", [{"cache_control": "no-transform"}, {"data": b"no gzip at all"}])
def test_what_may_not_or_cannot_be_unpacked_is_served_as_it_is_stored(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], change: dict[str, Any]
) -> None:
    data = change.pop("data", gzip.compress(b"hi"))
    blob = bucket.blob("z")
    blob.content_encoding = "gzip"
    blob.cache_control = change.get("cache_control")
    blob.upload_from_string(data, content_type="text/plain")
    answer = session_of("owner").get(blob.media_link, headers={"accept-encoding": "identity"}, stream=True)
    assert (answer.headers["content-encoding"], answer.raw.read()) == ("gzip", data)
