"""The operator's pictures: which are listed, and what is said of one that cannot be read."""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Callable

import numpy as np
import pytest
from google.cloud import storage
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from attestation.digests import Digest
from attestation.errors import Denied, Misconfigured
from contract.job import JobRecord, LeftOut, is_picture, parse_job, render_job
from contract.uris import FolderUri
from emulator import running
from emulator.faults import trouble, write_faults
from tests.workload.samples import picture
from workload import reading
from workload.pictures.headers import MOST_BYTES, EncodedPicture, Unreadable
from workload.pictures.listing import LARGE_BYTES, ListedPicture, most_bytes
from workload.reading import list_pictures, read_picture

Buckets = Callable[[], storage.Bucket]


def fill(bucket: storage.Bucket, objects: dict[str, bytes]) -> None:
    for name, data in objects.items():
        bucket.blob(name).upload_from_string(data)


def test_pictures_are_listed_in_the_buckets_order_by_their_suffix(
    as_operator: storage.Client, make_bucket: Buckets
) -> None:
    bucket = make_bucket()
    names = ["in/b.JPG", "in/a.jpeg", "in/Z.png", "in/😀.webp", "in/\u2028.gif", "in/sub/c.bmp"]
    fill(bucket, dict.fromkeys([*names, "in/", "in/readme.txt", "in/jpg", "inner/x.png", "y.png"], b"x"))
    listing = list_pictures(as_operator, FolderUri(bucket=bucket.name, prefix="in/"), most=6)
    listed = listing.pictures
    assert listing.left_out == LeftOut(placeholders=1, other_names=2)
    assert [image.name for image in listed] == sorted(names, key=str.encode)
    assert all(image.size == 1 and image.generation > 0 for image in listed)


def test_no_picture_at_all_is_refused(as_operator: storage.Client, make_bucket: Buckets) -> None:
    folder = FolderUri(bucket=make_bucket().name, prefix="")
    with pytest.raises(Misconfigured, match="holds no picture") as refused:
        list_pictures(as_operator, folder, most=6)
    assert ".jpg" in refused.value.hint


def test_more_pictures_than_the_terms_allow_are_refused(
    as_operator: storage.Client, make_bucket: Buckets
) -> None:
    bucket = make_bucket()
    fill(bucket, {f"{number}.png": b"x" for number in range(3)})
    folder = FolderUri(bucket=bucket.name, prefix="")
    assert len(list_pictures(as_operator, folder, most=3).pictures) == 3
    with pytest.raises(Misconfigured, match="more pictures than the owner's terms allow"):
        list_pictures(as_operator, folder, most=2)


def test_a_bucket_that_does_not_exist_is_named(as_operator: storage.Client) -> None:
    folder = FolderUri(bucket="no-such-bucket-at-all", prefix="")
    with pytest.raises((Misconfigured, Denied), match="gs://no-such-bucket-at-all"):
        list_pictures(as_operator, folder, most=6)


def read_one(
    client: storage.Client,
    bucket: storage.Bucket,
    data: bytes,
    *,
    between: Callable[[], object] = lambda: None,
) -> EncodedPicture:
    fill(bucket, {"x.png": data})
    listing = list_pictures(client, FolderUri(bucket=bucket.name, prefix=""), most=1)
    between()
    return read_picture(client, bucket.name, listing.pictures[0])


def test_a_sound_picture_is_read_as_it_is_stored(as_operator: storage.Client, make_bucket: Buckets) -> None:
    assert read_one(as_operator, make_bucket(), picture()).data == picture()


def test_a_picture_that_is_deleted_after_the_listing_is_gone(
    as_operator: storage.Client, make_bucket: Buckets
) -> None:
    bucket = make_bucket()
    with pytest.raises(Unreadable) as refused:
        read_one(as_operator, bucket, picture(), between=bucket.blob("x.png").delete)
    assert refused.value.code == "gone"


def test_a_picture_that_is_replaced_after_the_listing_is_gone(
    as_operator: storage.Client, make_bucket: Buckets
) -> None:
    bucket = make_bucket()
    with pytest.raises(Unreadable) as refused:
        read_one(
            as_operator, bucket, picture(), between=lambda: fill(bucket, {"x.png": picture((0, 255, 0))})
        )
    assert refused.value.code == "gone"


def test_a_picture_that_is_altered_on_its_way_is_corrupt(
    as_operator: storage.Client, make_bucket: Buckets, emulator: running.Running
) -> None:
    with pytest.raises(Unreadable) as refused:
        read_one(
            as_operator,
            make_bucket(),
            picture(),
            between=lambda: write_faults(emulator.folder, trouble("read", "corrupt", times=2)),
        )
    assert refused.value.code == "corrupt"


def test_a_picture_that_arrives_damaged_once_is_read_again(
    as_operator: storage.Client, make_bucket: Buckets, emulator: running.Running
) -> None:
    read = read_one(
        as_operator,
        make_bucket(),
        picture(),
        between=lambda: write_faults(emulator.folder, trouble("read", "corrupt")),
    )
    assert read.data == picture()


@pytest.mark.parametrize(("size", "code"), [(0, "empty"), (MOST_BYTES + 1, "too-large")])
def test_a_size_that_no_picture_has_is_not_even_read(
    as_operator: storage.Client, size: int, code: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        read_picture(as_operator, "no-such-bucket", ListedPicture(name="x.png", generation=1, size=size))
    assert refused.value.code == code


def noise(size: int) -> bytes:
    """A picture of some more bytes than that."""
    side = math.isqrt(size // 3) + 1
    return picture_of(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))


def picture_of(pixels: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "BMP")
    return encoded.getvalue()


def test_a_large_picture_is_read_by_ranges(
    as_operator: storage.Client, make_bucket: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "read_small", None)
    data = noise(LARGE_BYTES)
    assert read_one(as_operator, make_bucket(), data).data == data


def test_a_large_picture_that_is_altered_on_its_way_is_corrupt(
    as_operator: storage.Client, make_bucket: Buckets, emulator: running.Running
) -> None:
    with pytest.raises(Unreadable) as refused:
        read_one(
            as_operator,
            make_bucket(),
            noise(LARGE_BYTES),
            between=lambda: write_faults(emulator.folder, trouble("read", "corrupt", times=99)),
        )
    assert refused.value.code == "corrupt"


def test_a_large_picture_that_is_deleted_after_the_listing_is_gone(
    as_operator: storage.Client, make_bucket: Buckets
) -> None:
    bucket = make_bucket()
    with pytest.raises(Unreadable) as refused:
        read_one(as_operator, bucket, noise(LARGE_BYTES), between=bucket.blob("x.png").delete)
    assert refused.value.code == "gone"


def read_gzipped(client: storage.Client, bucket: storage.Bucket, stored: bytes) -> bytes:
    blob = bucket.blob("x.png")
    blob.content_encoding = "gzip"
    blob.upload_from_string(stored)
    (listed,) = list_pictures(client, FolderUri(bucket=bucket.name, prefix=""), most=1).pictures
    assert most_bytes(listed) == MOST_BYTES
    return read_picture(client, bucket.name, listed).data


@pytest.mark.parametrize("size", [100, LARGE_BYTES])
def test_a_picture_that_is_stored_as_gzip_is_a_picture(
    as_operator: storage.Client, make_bucket: Buckets, size: int
) -> None:
    data = noise(size)
    stored = gzip.compress(data[:50], 0) + gzip.compress(data[50:], 0)
    assert read_gzipped(as_operator, make_bucket(), stored) == data


@pytest.mark.parametrize(
    ("stored", "code"),
    [
        (gzip.compress(picture())[:-9], "undecodable"),
        (picture(), "undecodable"),
        (gzip.compress(gzip.compress(picture())), "not-a-picture"),
        (gzip.compress(bytes(MOST_BYTES + 1)), "too-large"),
    ],
    ids=["cut off", "no gzip at all", "twice", "larger than any picture"],
)
def test_what_is_wrong_with_a_picture_stored_as_gzip_is_said(
    as_operator: storage.Client, make_bucket: Buckets, stored: bytes, code: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        read_gzipped(as_operator, make_bucket(), stored)
    assert refused.value.code == code


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=40)
endings = st.sampled_from(["", "/", ".txt", ".jpg", ".PNG", ".jpg/", ".webp "])


@settings(max_examples=100, deadline=None, database=None)
@given(
    st.lists(
        st.builds(str.__add__, names, endings), min_size=1, max_size=70, unique_by=lambda name: name.encode()
    ),
    st.integers(1, 2**63 - 1),
    st.integers(0, 2**43),
    st.sampled_from([None, "gzip", "br"]),
)
def test_any_listing_is_counted_whole_and_read_again_as_it_was(
    listed: list[str], generation: int, size: int, encoding: str | None
) -> None:
    """Each object is a picture or left out, in the bucket's order, and `job.json` says so too."""

    class Client:
        def list_blobs(self, *_: str, **__: str) -> list[storage.Blob]:
            said = {"generation": str(generation), "size": str(size), "crc32c": "AAAAAA=="}
            blobs = [storage.Blob(name, bucket=None) for name in listed]
            for blob in blobs:
                blob._set_properties({**said, "contentEncoding": encoding})
            return blobs

    folder = FolderUri(bucket="photos", prefix="")
    try:
        listing = list_pictures(Client(), folder, most=50)
    except Misconfigured as refused:
        assert not 1 <= sum(map(is_picture, listed)) <= 50
        assert "\n" not in refused.message
        return
    job = JobRecord(
        image_digest=Digest("sha256:" + "a" * 64),
        terms_digest=Digest("sha256:" + "b" * 64),
        input=folder,
        result=FolderUri(bucket="results", prefix=""),
        top_k=1,
        pictures=listing.pictures,
        left_out=listing.left_out,
    )
    left_out = listing.left_out.placeholders + listing.left_out.other_names
    assert len(listing.pictures) + left_out == len(listed)
    assert [each.name for each in listing.pictures] == [name for name in listed if is_picture(name)]
    assert parse_job(render_job(job, token="a.b.c"), folder=job.result) == (job, "a.b.c")
