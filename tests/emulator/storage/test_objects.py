"""Objects in Cloud Storage, written, kept and copied: google-cloud-storage is the judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession

from tests.emulator.storage.uploading import BIG, names, upload


@pytest.mark.parametrize("name", ["a/b c%ü.txt", "x?y#z&=+", "日本/😀", " ", "a//b/", "%2F", "-" * 1024])
def test_any_name_is_kept_as_it_is(bucket: Any, name: str) -> None:
    upload(bucket, name, b"named")
    assert names(bucket.list_blobs()) == [name]
    assert bucket.get_blob(name).download_as_bytes() == b"named"


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "..", ".", "-" * 1025])
def test_a_name_that_no_object_may_have_is_refused(bucket: Any, name: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        upload(bucket, name)


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
