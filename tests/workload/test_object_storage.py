"""Cloud Storage by its own client: connections that are kept, and large objects by ranges."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Callable
from typing import Any

import google_crc32c
import pytest
from google.api_core.exceptions import NotFound
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption

from attestation.errors import Unavailable
from emulator import running
from emulator.faults import Faults, trouble, write_faults
from workload import object_storage
from workload.object_storage import read_large, read_ranges, read_small, read_whole, storage_failures

Buckets = Callable[[], storage.Bucket]
DATA = random.Random(1).randbytes(100_001)
CRC32C = base64.b64encode(google_crc32c.value(DATA).to_bytes(4, "big")).decode()


@pytest.fixture
def stored(make_bucket: Buckets, monkeypatch: pytest.MonkeyPatch) -> storage.Blob:
    """`DATA` in a bucket, where a range has 8 KiB."""
    monkeypatch.setattr(object_storage, "RANGE_BYTES", 8 << 10)
    blob = make_bucket().blob("x")
    blob.upload_from_string(DATA)
    return blob


def test_a_small_object_is_read_whole(stored: storage.Blob) -> None:
    assert read_whole(stored.bucket, "x", generation=stored.generation) == DATA


def test_a_small_object_that_is_altered_on_its_way_is_corrupt(
    stored: storage.Blob, emulator: running.Running
) -> None:
    write_faults(emulator.folder, trouble("read", "corrupt"))
    with pytest.raises(DataCorruption):
        read_whole(stored.bucket, "x", generation=stored.generation)


def test_a_small_object_that_is_cut_off_is_asked_for_again(
    stored: storage.Blob, emulator: running.Running
) -> None:
    write_faults(emulator.folder, trouble("read", "cut"))
    assert read_whole(stored.bucket, "x", generation=stored.generation) == DATA


def test_a_small_object_is_read_at_once_without_googles_client(
    stored: storage.Blob, as_operator: storage.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_storage, "read_whole", None)
    bucket, generation = stored.bucket.name, stored.generation
    assert read_small(as_operator, bucket, "x", generation=generation) == DATA
    stored.bucket.blob("a b/ä?#%2F").upload_from_string(b"odd")
    odd = stored.bucket.get_blob("a b/ä?#%2F")
    assert read_small(as_operator, bucket, odd.name, generation=odd.generation) == b"odd"


@pytest.mark.parametrize("faults", [trouble("read", "cut"), trouble("read", "cut", times=2)])
def test_whatever_is_not_the_object_is_left_to_googles_client(
    stored: storage.Blob, as_operator: storage.Client, emulator: running.Running, faults: Faults
) -> None:
    write_faults(emulator.folder, faults)
    assert read_small(as_operator, stored.bucket.name, "x", generation=stored.generation) == DATA


def test_an_object_that_is_gone_is_said_to_be_gone_as_googles_client_says_it(
    stored: storage.Blob, as_operator: storage.Client
) -> None:
    with pytest.raises(NotFound):
        read_small(as_operator, stored.bucket.name, "x", generation=stored.generation + 1)


def test_an_altered_object_is_corrupt_without_a_second_try(
    stored: storage.Blob, as_operator: storage.Client, emulator: running.Running
) -> None:
    write_faults(emulator.folder, trouble("read", "corrupt"))
    with pytest.raises(DataCorruption):
        read_small(as_operator, stored.bucket.name, "x", generation=stored.generation)


def test_a_token_that_is_no_longer_taken_is_renewed(
    stored: storage.Blob, as_operator: storage.Client
) -> None:
    as_operator._http.credentials.token = "expired"
    assert read_small(as_operator, stored.bucket.name, "x", generation=stored.generation) == DATA


def test_a_client_with_another_session_reads_as_it_is_used_to(
    stored: storage.Blob, as_operator: storage.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_storage, "storage_pool", lambda _session: None)
    assert read_small(as_operator, stored.bucket.name, "x", generation=stored.generation) == DATA


@pytest.mark.parametrize("start", [0, 1, 8 << 10, len(DATA) - 1, len(DATA)])
@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_ranges_are_the_object_in_order(stored: storage.Blob, start: int, at_once: int) -> None:
    pieces = read_ranges(
        stored.bucket, "x", generation=stored.generation, start=start, size=len(DATA), at_once=at_once
    )
    assert b"".join(pieces) == DATA[start:]


def test_a_large_object_is_held_against_the_checksum_of_the_listing(
    stored: storage.Blob, emulator: running.Running
) -> None:
    found: dict[str, Any] = {"generation": stored.generation, "size": len(DATA), "crc32c": CRC32C}
    assert stored.crc32c == CRC32C
    assert read_large(stored.bucket, "x", **found) == DATA
    write_faults(emulator.folder, trouble("read", "corrupt"))
    with pytest.raises(DataCorruption):
        read_large(stored.bucket, "x", **found)


def test_a_range_that_is_too_short_is_said_to_be_damaged(stored: storage.Blob) -> None:
    with pytest.raises(Unavailable, match="the thing arrives damaged"), storage_failures("the thing"):
        list(read_ranges(stored.bucket, "x", generation=stored.generation, size=len(DATA) + 1))


def test_ranges_are_read_side_by_side_and_never_more_than_that_many(
    stored: storage.Blob, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4, timeout=10)
    started = 0

    def download(blob: storage.Blob, kept: Any, **options: Any) -> None:
        nonlocal started
        started += 1
        if started <= 4:
            together.wait()
        kept.write(DATA[options["start"] : options["end"] + 1])

    monkeypatch.setattr(storage.Blob, "download_to_file", download)
    pieces = read_ranges(stored.bucket, "x", generation=stored.generation, size=len(DATA), at_once=4)
    assert next(pieces) == DATA[: 8 << 10]
    assert started == 4
    assert b"".join(pieces) == DATA[8 << 10 :]


def test_who_stops_reading_ranges_asks_for_no_more(
    stored: storage.Blob, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()
    asked: list[int] = []

    def download(blob: storage.Blob, kept: Any, **options: Any) -> None:
        asked.append(options["start"])
        if options["start"]:
            stopped.wait(10)
        kept.write(DATA[options["start"] : options["end"] + 1])

    monkeypatch.setattr(storage.Blob, "download_to_file", download)
    pieces = read_ranges(stored.bucket, "x", generation=stored.generation, size=len(DATA), at_once=4)
    next(pieces)
    pieces.close()
    stopped.set()
    for thread in threading.enumerate():
        if thread.name.startswith("range"):
            thread.join()
    assert len(asked) <= 4


@pytest.mark.parametrize("name", ["STORAGE_EMULATOR_HOST", "API_ENDPOINT_OVERRIDE"])
def test_no_variable_says_where_cloud_storage_is(
    as_operator: storage.Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert object_storage.open_client(as_operator._credentials).api_endpoint == object_storage.ENDPOINT


def test_a_client_that_would_send_a_token_elsewhere_is_none(
    as_operator: storage.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.Client, "api_endpoint", "http://127.0.0.1:9")
    with pytest.raises(AssertionError, match="another endpoint"):
        object_storage.open_client(as_operator._credentials)


@pytest.mark.usefixtures("as_operator")
def test_as_many_connections_are_kept_as_are_asked_for(as_operator: storage.Client) -> None:
    opened = object_storage.open_client(as_operator._credentials, connections=3)
    bucket = opened.create_bucket("kept-connections", project="secundus")
    blob = bucket.blob("x")
    blob.upload_from_string(DATA)
    for _ in range(2):
        pieces = read_ranges(bucket, "x", generation=blob.generation, size=len(DATA), at_once=3)
        assert b"".join(pieces) == DATA
    [pool] = connection_pools(opened)
    assert pool.pool.maxsize == 3
    assert pool.num_connections <= 3


def connection_pools(client: storage.Client) -> list[Any]:
    """urllib3's, one a host."""
    adapter = client._http.get_adapter("https://storage.googleapis.com")
    managers = [adapter.poolmanager, *adapter.proxy_manager.values()]
    return [manager.pools[key] for manager in managers for key in manager.pools.keys()]  # noqa: SIM118
