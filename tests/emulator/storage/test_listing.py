"""Lists of objects: their pages, prefixes, order and bounds, as Cloud Storage has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from google.auth.transport.requests import AuthorizedSession

from tests.emulator.storage.uploading import names, upload


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
