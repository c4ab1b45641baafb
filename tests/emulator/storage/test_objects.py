"""Objects out of Cloud Storage: google-cloud-storage, with production host names, is the judge."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import transfer_manager

MIB = 2**20
BIG = random.Random(1).randbytes(3 * MIB + 12345)


def upload(bucket: Any, name: str, data: bytes = b"data", **options: Any) -> Any:
    blob = bucket.blob(name)
    blob.upload_from_string(data, **options)
    return blob


def names(blobs: Any) -> list[str]:
    return [blob.name for blob in blobs]


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5", None])
def test_a_download_is_what_was_uploaded(bucket: Any, checksum: str | None) -> None:
    assert upload(bucket, "big", BIG).download_as_bytes(checksum=checksum) == BIG


def test_an_empty_object_can_be_read(bucket: Any) -> None:
    assert upload(bucket, "empty", b"").download_as_bytes() == b""


@pytest.mark.parametrize("name", ["a/b c%ü.txt", "x?y#z&=+", "日本/😀", " ", "a//b/", "%2F", "-" * 1024])
def test_any_name_is_kept_as_it_is(bucket: Any, name: str) -> None:
    upload(bucket, name, b"named")
    assert names(bucket.list_blobs()) == [name]
    assert bucket.get_blob(name).download_as_bytes() == b"named"


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "..", ".", "-" * 1025])
def test_a_name_that_no_object_may_have_is_refused(bucket: Any, name: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        upload(bucket, name)


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


def test_a_missing_object_is_not_found_in_cloud_storages_words(bucket: Any) -> None:
    with pytest.raises(exceptions.NotFound, match=f": No such object: {bucket.name}/none: "):
        bucket.blob("none").download_as_bytes()
    with pytest.raises(exceptions.NotFound, match=f": No such object: {bucket.name}/none$"):
        bucket.blob("none").reload()


def test_a_new_upload_is_a_new_generation(bucket: Any) -> None:
    first = upload(bucket, "o", b"1").generation
    second = upload(bucket, "o", b"2").generation
    assert second > first
    assert bucket.blob("o", generation=second).download_as_bytes() == b"2"


def test_a_pinned_generation_that_was_overwritten_is_not_found(bucket: Any) -> None:
    first = upload(bucket, "o", b"1").generation
    upload(bucket, "o", b"2")
    with pytest.raises(exceptions.NotFound, match="No such object"):
        bucket.blob("o", generation=first).download_as_bytes()


def test_metadata_is_patched_and_the_generation_stays(bucket: Any) -> None:
    blob = upload(bucket, "o")
    generation = blob.generation
    blob.metadata = {"a": "1", "b": "2"}
    blob.content_type = "image/png"
    blob.patch()
    blob.metadata = {"a": None}
    blob.patch()
    fresh = bucket.get_blob("o")
    assert (fresh.metadata, fresh.content_type) == ({"b": "2"}, "image/png")
    assert (fresh.generation, fresh.metageneration) == (generation, 3)


def test_a_deleted_object_is_gone(bucket: Any) -> None:
    upload(bucket, "o").delete()
    assert not bucket.blob("o").exists()
    with pytest.raises(exceptions.NotFound):
        bucket.blob("o").delete()


CONDITIONS: list[tuple[str, int, type[Exception] | None]] = [
    ("if_generation_match", 0, None),
    ("if_generation_match", 1, exceptions.PreconditionFailed),
    ("if_generation_not_match", 1, None),
    ("if_metageneration_match", 0, None),
    ("if_metageneration_match", 1, exceptions.PreconditionFailed),
    ("if_metageneration_not_match", 1, None),
]


@pytest.mark.parametrize(("condition", "off", "failure"), CONDITIONS)
@pytest.mark.parametrize("action", ["reload", "download_as_bytes", "delete", "patch"])
def test_a_precondition_holds_or_nothing_happens(
    bucket: Any, action: str, condition: str, off: int, failure: type[Exception] | None
) -> None:
    blob = upload(bucket, "o")
    actual = blob.generation if "_generation" in condition else blob.metageneration
    call = getattr(blob, action)
    if failure is None:
        call(**{condition: actual + off})
    else:
        with pytest.raises(failure):
            call(**{condition: actual + off})
        assert bucket.get_blob("o").metageneration == 1


@pytest.mark.parametrize("condition", ["if_generation_not_match", "if_metageneration_not_match"])
@pytest.mark.parametrize(
    ("action", "failure"),
    [
        ("reload", exceptions.NotModified),
        ("download_as_bytes", exceptions.NotModified),
        ("delete", exceptions.PreconditionFailed),
        ("patch", exceptions.PreconditionFailed),
    ],
)
def test_what_the_client_already_has_is_not_sent_again(
    bucket: Any, condition: str, action: str, failure: type[Exception]
) -> None:
    blob = upload(bucket, "o")
    known = blob.generation if condition == "if_generation_not_match" else blob.metageneration
    with pytest.raises(failure):
        getattr(blob, action)(**{condition: known})


def test_a_failed_precondition_is_told_in_cloud_storages_words(bucket: Any) -> None:
    with pytest.raises(exceptions.PreconditionFailed) as failed:
        upload(bucket, "o").reload(if_generation_match=1)
    assert failed.value.response.json() == {
        "error": {
            "code": 412,
            "message": "At least one of the pre-conditions you specified did not hold.",
            "errors": [
                {
                    "message": "At least one of the pre-conditions you specified did not hold.",
                    "domain": "global",
                    "reason": "conditionNotMet",
                    "locationType": "header",
                    "location": "If-Match",
                }
            ],
        }
    }


def test_a_list_comes_in_pages(bucket: Any) -> None:
    for number in range(7):
        upload(bucket, f"p/{number}")
    upload(bucket, "q")
    pages = [names(page) for page in bucket.list_blobs(prefix="p/", page_size=3).pages]
    assert pages == [["p/0", "p/1", "p/2"], ["p/3", "p/4", "p/5"], ["p/6"]]


def test_a_delimiter_folds_names_into_prefixes_across_pages(bucket: Any) -> None:
    for name in ("d/a/1", "d/a/2", "d/b", "d/c/1", "d/d"):
        upload(bucket, name)
    listing = bucket.list_blobs(prefix="d/", delimiter="/", page_size=1)
    assert names(listing) == ["d/b", "d/d"]
    assert listing.prefixes == {"d/a/", "d/c/"}


def test_a_prefix_is_listed_once(bucket: Any, session_of: Callable[[str], AuthorizedSession]) -> None:
    for name in ("a/1", "a/2", "b"):
        upload(bucket, name)
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket.name}/o?delimiter=/"
    listing = session_of("owner").get(url).json()
    assert listing["prefixes"] == ["a/"]
    assert [item["name"] for item in listing["items"]] == ["b"]


def test_a_list_starts_and_ends_where_it_is_told(bucket: Any) -> None:
    for name in "abcde":
        upload(bucket, name)
    assert names(bucket.list_blobs(start_offset="b", end_offset="d")) == ["b", "c"]


def test_names_sort_by_their_bytes(bucket: Any) -> None:
    sorted_names = ["B", "a", "z", "é", "\uffee", "😀"]
    for name in reversed(sorted_names):
        upload(bucket, name)
    assert names(bucket.list_blobs()) == sorted_names


@pytest.mark.parametrize("most", [1, 2, 3, 1000])
def test_a_list_shows_each_name_and_each_prefix_once_however_it_is_paged(platform: Any, most: int) -> None:
    made = ["a", "a/", "a/1", "a/2", "a/b/1", "a/b/2", "a/\U0010ffff", "a0", "b//c", "b/d", "c"]
    for name in made:
        upload_small(platform, name)
    for prefix in ("", "a", "a/", "b/", "none"):
        below = [name for name in made if name.startswith(prefix)]
        folders = {name[: name.index("/", len(prefix)) + 1] for name in below if "/" in name[len(prefix) :]}
        assert listed(platform, prefix=prefix, most=most) == below
        assert listed(platform, prefix=prefix, most=most, delimiter="/") == sorted(
            [*folders, *(name for name in below if "/" not in name[len(prefix) :])], key=str.encode
        )


def test_an_object_whose_name_is_a_prefix_is_shown_where_that_is_asked_for(platform: Any) -> None:
    for name in ("a/", "a/1", "b"):
        upload_small(platform, name)
    query = "delimiter=/&includeTrailingDelimiter=true"
    page = platform.call("GET", f"{BUCKET}/o?{query}").json
    assert ([each["name"] for each in page["items"]], page["prefixes"]) == (["a/", "b"], ["a/"])


BUCKET = "https://storage.googleapis.com/storage/v1/b/bucket-of-primus"


def upload_small(platform: Any, name: str) -> None:
    buckets = BUCKET.rpartition("/")[0]
    platform.call("POST", f"{buckets}?project=primus", {"name": "bucket-of-primus"})
    address = f"{BUCKET.replace('/storage/v1', '/upload/storage/v1')}/o?uploadType=media&name={quote(name)}"
    assert platform.call("POST", address).status == 200


def listed(platform: Any, *, prefix: str, most: int, delimiter: str = "") -> list[str]:
    """Names and prefixes of all pages, in one order."""
    found: list[str] = []
    token = ""
    while True:
        query = f"prefix={quote(prefix)}&maxResults={most}&delimiter={delimiter}&pageToken={token}"
        page = platform.call("GET", f"{BUCKET}/o?{query}").json
        entries = [each["name"] for each in page.get("items", [])] + page.get("prefixes", [])
        assert len(entries) <= most
        found += sorted(entries, key=str.encode)
        if not (token := page.get("nextPageToken", "")):
            return found


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


def test_an_object_is_moved(bucket: Any, session_of: Callable[[str], AuthorizedSession]) -> None:
    upload(bucket, "o", b"move me", content_type="image/png")
    place = f"https://storage.googleapis.com/storage/v1/b/{bucket.name}/o/o/moveTo/o"
    moved = session_of("owner").post(f"{place}/new", json={}).json()
    assert (moved["name"], moved["contentType"]) == ("new", "image/png")
    assert bucket.blob("new").download_as_bytes() == b"move me"
    assert names(bucket.list_blobs()) == ["new"]
    onto_itself = session_of("owner").post(f"{place.replace('/o/o/', '/o/new/')}/new", json={})
    assert onto_itself.status_code == 400
    assert names(bucket.list_blobs()) == ["new"]


def test_what_the_emulator_lacks_is_refused_rather_than_ignored(bucket: Any) -> None:
    with pytest.raises(exceptions.BadRequest, match="does not have the parameter `matchGlob`"):
        list(bucket.list_blobs(match_glob="**.jpg"))
    with pytest.raises(exceptions.BadRequest, match="a bucket's `lifecycle`"):
        bucket.add_lifecycle_delete_rule(age=1)
        bucket.patch()


def test_a_bucket_with_versions_keeps_what_is_overwritten_and_deleted(bucket: Any) -> None:
    before = upload(bucket, "o", b"before versions").generation
    bucket.versioning_enabled = True
    bucket.patch()
    assert bucket.versioning_enabled
    first = upload(bucket, "o", b"first").generation
    second = upload(bucket, "o", b"second").generation
    upload(bucket, "p", b"beside")
    assert bucket.blob("o").download_as_bytes() == b"second"
    assert bucket.blob("o", generation=first).download_as_bytes() == b"first"
    assert bucket.get_blob("o", generation=before).time_deleted is not None

    bucket.blob("o").delete()
    assert bucket.get_blob("o") is None
    assert bucket.get_blob("o", generation=second).time_deleted is not None
    assert names(bucket.list_blobs()) == ["p"]
    kept = [(each.name, each.generation) for each in bucket.list_blobs(versions=True)]
    assert kept[:3] == [("o", before), ("o", first), ("o", second)]
    assert names(bucket.list_blobs(versions=True, page_size=1)) == ["o", "o", "o", "p"]

    for generation in (before, first, second):
        bucket.blob("o", generation=generation).delete()
    assert names(bucket.list_blobs(versions=True)) == ["p"]
    assert upload(bucket, "o", b"again").generation > second


def test_a_live_object_that_is_deleted_by_its_generation_is_kept_nowhere(bucket: Any) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    generation = upload(bucket, "o", b"x").generation
    bucket.blob("o", generation=generation).delete()
    assert names(bucket.list_blobs(versions=True)) == []


def test_a_bucket_is_not_empty_while_it_keeps_a_version(bucket: Any) -> None:
    bucket.versioning_enabled = True
    bucket.patch()
    generation = upload(bucket, "o", b"x").generation
    bucket.blob("o").delete()
    with pytest.raises(exceptions.Conflict, match="not empty"):
        bucket.delete()
    bucket.blob("o", generation=generation).delete()
    bucket.delete()


def test_objects_are_composed(bucket: Any) -> None:
    parts = [upload(bucket, "1", b"one"), upload(bucket, "2", b"two")]
    composed = bucket.blob("12")
    composed.content_type = "text/plain"
    composed.compose(parts)
    assert composed.download_as_bytes() == b"onetwo"
    assert composed.component_count == 2
    assert composed.md5_hash is None
    again = bucket.blob("again")
    again.compose([bucket.blob(part.name) for part in parts])  # whose generations the client does not know
    assert again.download_as_bytes() == b"onetwo"


def test_an_object_is_copied_with_its_metadata(bucket: Any, owner: Any) -> None:
    source = upload(bucket, "o", b"copy me", content_type="image/png")
    other = owner.create_bucket(bucket.name + "-2")
    copied = bucket.copy_blob(source, other, "copy")
    assert (copied.download_as_bytes(), copied.content_type) == (b"copy me", "image/png")
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.copy_blob(source, other, "copy", if_source_generation_match=1)


def test_an_object_is_rewritten(bucket: Any) -> None:
    source = upload(bucket, "o", BIG)
    target = bucket.blob("rewritten")
    assert target.rewrite(source) == (None, len(BIG), len(BIG))
    assert target.download_as_bytes() == BIG


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
