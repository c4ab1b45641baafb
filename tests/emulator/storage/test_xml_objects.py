"""The XML API's objects, as TensorFlow, curl and tools that were written for S3 ask for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

HOST = "https://storage.googleapis.com"
BUCKET = "bucket-of-primus"


@pytest.fixture
def xml(platform: Any, ask: Callable[..., Any]) -> Callable[..., Any]:
    """A call of the XML API by the owner, on a bucket of hers; `headers` in words with underscores."""
    platform.call("POST", f"{HOST}/storage/v1/b?project=primus", {"name": BUCKET})
    token = platform.token_of("user:owner@primus.example")

    def call(method: str, path: str, body: bytes = b"", *, token: str = token, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["authorization"] = f"Bearer {token}"
        return ask(platform.app, method, f"{HOST}/{path}", headers=sent, body=body)

    return call


def texts(answer: Any, path: str) -> list[str | None]:
    assert answer.status == 200, answer.text
    root = ElementTree.fromstring(answer.text)
    return [each.text for each in root.findall("/".join(f"{{*}}{part}" for part in path.split("/")))]


def test_what_is_put_is_got_with_its_headers(xml: Callable[..., Any]) -> None:
    put = xml(
        "PUT",
        f"{BUCKET}/a/b%20c",
        b"hello",
        content_type="text/plain",
        cache_control="no-store",
        x_goog_meta_colour="blue",
        x_goog_storage_class="NEARLINE",
    )
    assert put.status == 200, put.text
    got = xml("GET", f"{BUCKET}/a/b%20c")
    assert got.body == b"hello"
    expected = {
        "content-type": "text/plain",
        "cache-control": "no-store",
        "content-length": "5",
        "x-goog-meta-colour": "blue",
        "x-goog-storage-class": "NEARLINE",
        "etag": f'"{hashlib.md5(b"hello").hexdigest()}"',
        "x-goog-generation": put.headers["x-goog-generation"],
    }
    assert {name: got.headers[name] for name in expected} == expected
    assert got.headers["last-modified"].endswith(" GMT")


def test_head_has_the_headers_and_no_bytes(xml: Callable[..., Any]) -> None:
    xml("PUT", f"{BUCKET}/o", b"hello")
    head = xml("HEAD", f"{BUCKET}/o")
    assert (head.status, head.headers["content-length"], head.body) == (200, "5", b"")
    assert xml("HEAD", f"{BUCKET}/none").status == 404


def test_a_range_is_read(xml: Callable[..., Any]) -> None:
    xml("PUT", f"{BUCKET}/o", b"0123456789")
    part = xml("GET", f"{BUCKET}/o", range="bytes=2-4")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    beyond = xml("GET", f"{BUCKET}/o", range="bytes=10-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */10")


def test_what_the_client_has_is_not_sent_again(xml: Callable[..., Any]) -> None:
    etag = xml("PUT", f"{BUCKET}/o", b"0").headers["etag"]
    assert xml("GET", f"{BUCKET}/o", if_none_match=etag).status == 304
    assert xml("GET", f"{BUCKET}/o", if_none_match='"other"').status == 200


def test_create_only_never_overwrites(xml: Callable[..., Any]) -> None:
    assert xml("PUT", f"{BUCKET}/o", b"1", x_goog_if_generation_match="0").status == 200
    assert xml("PUT", f"{BUCKET}/o", b"2", x_goog_if_generation_match="0").status == 412
    assert xml("GET", f"{BUCKET}/o").body == b"1"


def test_a_wrong_checksum_is_refused_and_nothing_is_stored(xml: Callable[..., Any]) -> None:
    assert xml("PUT", f"{BUCKET}/o", b"1", content_md5="AAAAAAAAAAAAAAAAAAAAAA==").status == 400
    assert xml("PUT", f"{BUCKET}/o", b"1", x_goog_hash="crc32c=AAAAAA==").status == 400
    assert xml("GET", f"{BUCKET}/o").status == 404


def test_a_deleted_object_is_gone(xml: Callable[..., Any]) -> None:
    xml("PUT", f"{BUCKET}/o", b"1")
    assert xml("DELETE", f"{BUCKET}/o").status == 204
    gone = xml("GET", f"{BUCKET}/o")
    assert (gone.status, "<Code>NoSuchKey</Code>" in gone.text) == (404, True)


def test_a_stranger_reads_and_writes_nothing(xml: Callable[..., Any], platform: Any) -> None:
    xml("PUT", f"{BUCKET}/o", b"1")
    operator = platform.token_of("user:operator@secundus.example")
    for method, path in (("GET", "/o"), ("PUT", "/o"), ("DELETE", "/o"), ("GET", "")):
        refused = xml(method, BUCKET + path, token=operator)
        assert (refused.status, "<Code>AccessDenied</Code>" in refused.text) == (403, True)
    assert xml("GET", f"{BUCKET}/o").body == b"1"


@pytest.mark.parametrize("version", [1, 2])
def test_a_list_comes_in_pages(xml: Callable[..., Any], version: int) -> None:
    names = ["a/1", "a/2", "b", "c&d", "e"]
    for name in names:
        xml("PUT", f"{BUCKET}/{name.replace('&', '%26')}", b"x")
    kind, place, token = ("list-type=2&", "continuation-token", "NextContinuationToken")
    if version == 1:
        kind, place, token = "", "marker", "NextMarker"
    query, found, prefixes = f"{kind}max-keys=2&delimiter=/", [], []
    following = ""
    while True:
        page = xml("GET", f"{BUCKET}?{query}" + (f"&{place}={following}" if following else ""))
        found += texts(page, "Contents/Key")
        prefixes += texts(page, "CommonPrefixes/Prefix")
        if texts(page, "IsTruncated") == ["false"]:
            break
        following = (texts(page, token)[0] or "").replace("&", "%26")
    assert (found, prefixes) == (["b", "c&d", "e"], ["a/"])


def test_a_list_says_of_each_object_what_head_would(xml: Callable[..., Any]) -> None:
    put = xml("PUT", f"{BUCKET}/o", b"hello")
    page = xml("GET", f"{BUCKET}?prefix=o")
    assert texts(page, "Contents/Size") == ["5"]
    assert texts(page, "Contents/ETag") == [put.headers["etag"]]
    assert texts(page, "Contents/Generation") == [put.headers["x-goog-generation"]]
    assert xml("HEAD", BUCKET).status == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "said"),
    [
        ("GET", f"{BUCKET}/o?X-Goog-Signature=00&X-Goog-Algorithm=GOOG4-RSA-SHA256", {}, "signed URLs"),
        ("GET", f"{BUCKET}?lifecycle", {}, "lifecycle"),
        ("GET", f"{BUCKET}/o?acl", {}, "acl"),
        ("PUT", f"{BUCKET}/o", {"x_goog_acl": "public-read"}, "uniform"),
        ("PUT", f"{BUCKET}/o", {"x_goog_copy_source": "/a/b"}, "x-goog-copy-source"),
        ("PUT", f"{BUCKET}/o", {"x_goog_custom_time": "2026-01-01T00:00:00Z"}, "x-goog-custom-time"),
        ("PUT", "another-bucket", {}, "PUT /another-bucket"),
        ("POST", BUCKET, {}, f"POST /{BUCKET}"),
    ],
)
def test_what_is_absent_is_said(
    xml: Callable[..., Any], method: str, path: str, headers: dict[str, str], said: str
) -> None:
    refused = xml(method, path, **headers)
    assert (refused.status, said in refused.text) == (400, True), refused.text
