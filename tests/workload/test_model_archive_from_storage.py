"""The model's archive as Cloud Storage gives it: whole, altered, cut off, replaced meanwhile, or absent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import storage

from attestation.errors import Denied, EvidenceRejected, Misconfigured, Unavailable
from emulator import running
from emulator.faults import trouble, write_faults
from tests.workload.samples import MEMBERS, archive, model_terms
from workload import model_archive, object_storage
from workload.object_storage import read_ranges

SOUND = archive(MEMBERS)
Buckets = Callable[[], storage.Bucket]


def test_a_model_is_fetched_at_its_pinned_generation_and_no_other(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path
) -> None:
    bucket = make_bucket()
    blob = bucket.blob("model.tar.gz")
    blob.upload_from_string(SOUND)
    pinned = model_terms(SOUND, bucket=bucket.name, generation=blob.generation)
    model_archive.verify(model_archive.fetch(as_operator, pinned, tmp_path / "a"), pinned)
    bucket.blob("model.tar.gz").upload_from_string(SOUND)
    with pytest.raises(Misconfigured, match="does not exist"):
        model_archive.fetch(as_operator, pinned, tmp_path / "b")


def test_an_object_that_storage_would_decompress_is_hashed_as_it_is_stored(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path
) -> None:
    bucket = make_bucket()
    blob = bucket.blob("model.tar.gz")
    blob.content_encoding = "gzip"
    blob.upload_from_string(SOUND)
    wanted = model_terms(SOUND, bucket=bucket.name)
    assert model_archive.fetch(as_operator, wanted, tmp_path / "a") == wanted.sha256


def test_a_download_that_is_cut_off_goes_on_where_it_was_cut(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path, emulator: running.Running
) -> None:
    bucket = make_bucket()
    large = bytes(range(256)) * 8192
    bucket.blob("model.tar.gz").upload_from_string(large)
    write_faults(emulator.folder, trouble("read", "cut"))
    wanted = model_terms(large, bucket=bucket.name)
    assert model_archive.fetch(as_operator, wanted, tmp_path / "a") == wanted.sha256


@pytest.fixture
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large in production is small here: 32 KiB in one stream, the rest by ranges of 8 KiB."""
    monkeypatch.setattr(model_archive, "ONE_STREAM_BYTES", 32 << 10)
    monkeypatch.setattr(object_storage, "RANGE_BYTES", 8 << 10)


LARGE = random.Random(1).randbytes(100_001)


@pytest.mark.usefixtures("_small_ranges")
@pytest.mark.parametrize("size", [0, 1, (32 << 10) - 1, 32 << 10, (32 << 10) + 1, 40 << 10, len(LARGE)])
def test_a_model_of_any_size_arrives_whole(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path, size: int
) -> None:
    bucket = make_bucket()
    bucket.blob("model.tar.gz").upload_from_string(LARGE[:size])
    wanted = model_terms(LARGE[:size], bucket=bucket.name)
    assert model_archive.fetch(as_operator, wanted, tmp_path / "a") == wanted.sha256
    assert (tmp_path / "a").read_bytes() == LARGE[:size]


@pytest.mark.usefixtures("_small_ranges")
def test_ranges_that_are_cut_off_are_asked_for_again(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path, emulator: running.Running
) -> None:
    bucket = make_bucket()
    bucket.blob("model.tar.gz").upload_from_string(LARGE)
    wanted = model_terms(LARGE, bucket=bucket.name)
    write_faults(emulator.folder, trouble("read", "cut", times=3))
    assert model_archive.fetch(as_operator, wanted, tmp_path / "a") == wanted.sha256


@pytest.mark.usefixtures("_small_ranges")
def test_one_range_that_was_altered_on_its_way_is_enough_to_refuse(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path, emulator: running.Running
) -> None:
    bucket = make_bucket()
    bucket.blob("model.tar.gz").upload_from_string(LARGE)
    wanted = model_terms(LARGE, bucket=bucket.name)
    write_faults(emulator.folder, trouble("read", "corrupt"))
    with pytest.raises(EvidenceRejected):
        model_archive.verify(model_archive.fetch(as_operator, wanted, tmp_path / "a"), wanted)


@pytest.mark.usefixtures("_small_ranges")
def test_a_model_that_is_replaced_while_it_arrives_is_not_mixed_with_the_new_one(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = make_bucket()
    blob = bucket.blob("model.tar.gz")
    blob.upload_from_string(LARGE)

    def replaced_meanwhile(*arguments: Any, **options: Any) -> Iterator[bytes]:
        blob.upload_from_string(LARGE[::-1])
        return read_ranges(*arguments, **options)

    monkeypatch.setattr(model_archive, "read_ranges", replaced_meanwhile)
    with pytest.raises(Unavailable, match="the owner's model was replaced"):
        model_archive.fetch(as_operator, model_terms(LARGE, bucket=bucket.name), tmp_path / "a")


@pytest.mark.parametrize(
    ("arrived", "is_pinned", "failure", "said"),
    [
        (b"a", False, Unavailable, "was replaced or deleted while it arrived"),
        (b"a", True, Misconfigured, "does not exist"),
        (b"", False, Misconfigured, "does not exist"),
    ],
)
def test_a_model_that_is_gone_when_a_download_goes_on_is_told_from_one_that_never_was(
    as_operator: storage.Client,
    make_bucket: Buckets,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arrived: bytes,
    is_pinned: bool,
    failure: type[Exception],
    said: str,
) -> None:
    blob = make_bucket().blob("model.tar.gz")
    blob.upload_from_string(SOUND)

    def cut_off(self: storage.Blob, file: Any, **options: Any) -> None:
        file.write(arrived)
        raise NotFound("no such object")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(storage.Blob, "download_to_file", cut_off)
    wanted = model_terms(SOUND, bucket=blob.bucket.name, generation=blob.generation if is_pinned else None)
    with pytest.raises(failure, match=said):
        model_archive.fetch(as_operator, wanted, tmp_path / "a")


@pytest.mark.parametrize(
    ("bucket", "generation"), [("no-such-bucket-at-all", None), (None, None), (None, 12345)]
)
def test_a_model_that_is_not_there_is_the_owners_to_mend(
    as_operator: storage.Client,
    make_bucket: Buckets,
    tmp_path: Path,
    bucket: str | None,
    generation: int | None,
) -> None:
    missing = model_terms(SOUND, bucket=bucket or make_bucket().name, generation=generation)
    with pytest.raises((Misconfigured, Denied), match="the owner's model"):
        model_archive.fetch(as_operator, missing, tmp_path / "a")
