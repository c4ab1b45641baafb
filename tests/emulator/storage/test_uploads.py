"""Objects into Cloud Storage: in one piece, in pieces, interrupted, refused."""

from __future__ import annotations

import base64
import io
import random
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
import requests
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import transfer_manager

from emulator.running import Running

MIB = 2**20
BIG = random.Random(2).randbytes(3 * MIB + 54321)
UPLOAD = "https://storage.googleapis.com/upload/storage/v1/b/{}/o"


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


class Stream(io.RawIOBase):
    """Bytes of a size that nobody knows beforehand."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self._data.tell()

    def read(self, size: int = -1) -> bytes:
        return self._data.read(size)


def test_an_upload_in_one_request_says_what_was_stored(bucket: Any) -> None:
    blob = bucket.blob("o")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"hello", content_type="text/plain")
    assert (blob.size, blob.metageneration, blob.storage_class) == (5, 1, "STANDARD")
    assert blob.crc32c == crc32c(b"hello")
    assert blob.md5_hash == "XUFAKrxLKna5cZ2REBfFkg=="
    assert bucket.get_blob("o").metadata == {"k": "v"}


@pytest.mark.parametrize("checksum", ["auto", "crc32c", "md5"])
@pytest.mark.parametrize("size", [0, MIB, 2 * MIB, len(BIG)])
def test_an_upload_in_chunks_is_whole(bucket: Any, size: int, checksum: str) -> None:
    blob = bucket.blob("o", chunk_size=MIB)
    blob.upload_from_file(io.BytesIO(BIG[:size]), checksum=checksum)
    assert bucket.get_blob("o").crc32c == crc32c(BIG[:size])


def test_an_upload_of_unknown_size_is_whole(bucket: Any) -> None:
    bucket.blob("o", chunk_size=MIB).upload_from_file(Stream(BIG))
    assert bucket.get_blob("o").crc32c == crc32c(BIG)


def test_a_writer_writes(bucket: Any) -> None:
    with bucket.blob("o").open("wb", chunk_size=MIB) as writer:
        for start in range(0, len(BIG), 100_000):
            writer.write(BIG[start : start + 100_000])
    assert bucket.get_blob("o").crc32c == crc32c(BIG)


def test_parts_are_uploaded_concurrently(bucket: Any, tmp_path: Path) -> None:
    data = BIG * 4
    (tmp_path / "big").write_bytes(data)
    blob = bucket.blob("a/big")
    blob.metadata = {"k": "v"}
    transfer_manager.upload_chunks_concurrently(
        tmp_path / "big", blob, chunk_size=5 * MIB, max_workers=2, worker_type="thread"
    )
    stored = bucket.get_blob("a/big")
    assert (stored.crc32c, stored.component_count) == (crc32c(data), 3)
    assert stored.metadata == {"k": "v"}


def test_many_files_are_uploaded(bucket: Any, tmp_path: Path) -> None:
    files = [f"{number}.txt" for number in range(6)]
    for name in files:
        (tmp_path / name).write_text(name)
    results = transfer_manager.upload_many_from_filenames(
        bucket, files, source_directory=tmp_path, worker_type="thread"
    )
    assert results == [None] * 6
    assert [blob.name for blob in bucket.list_blobs()] == files


@pytest.mark.parametrize("chunk_size", [None, MIB])
def test_a_wrong_checksum_is_refused_and_nothing_is_stored(bucket: Any, chunk_size: int | None) -> None:
    blob = bucket.blob("o", chunk_size=chunk_size)
    blob.crc32c = "AAAAAA=="
    with pytest.raises(exceptions.BadRequest, match=r"Provided CRC32C .*AAAAAA==.* doesn't match calculated"):
        blob.upload_from_file(io.BytesIO(b"data"), checksum=None)
    assert not bucket.blob("o").exists()


@pytest.mark.parametrize("chunk_size", [None, MIB])
def test_create_only_never_overwrites(bucket: Any, chunk_size: int | None) -> None:
    bucket.blob("o").upload_from_string("1", if_generation_match=0)
    blob = bucket.blob("o", chunk_size=chunk_size)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.upload_from_file(io.BytesIO(b"2"), if_generation_match=0)
    assert bucket.blob("o").download_as_bytes() == b"1"


def test_of_two_create_only_uploads_at_once_the_second_to_end_loses(
    bucket: Any, session_of: Callable[[str], AuthorizedSession]
) -> None:
    address = begin(session_of("owner"), bucket, "o", "&ifGenerationMatch=0")
    bucket.blob("o").upload_from_string("first", if_generation_match=0)
    assert requests.put(address, b"second", timeout=9).status_code == 412
    assert bucket.blob("o").download_as_bytes() == b"first"


def begin(session: AuthorizedSession, bucket: Any, name: str, query: str = "") -> str:
    """The address of a new resumable upload."""
    url = UPLOAD.format(bucket.name) + f"?uploadType=resumable&name={name}{query}"
    answer = session.post(url, json={})
    assert answer.status_code == 200, answer.text
    return str(answer.headers["location"])


def put(address: str, data: bytes, content_range: str) -> requests.Response:
    return requests.put(address, data, headers={"content-range": content_range}, timeout=9)


def test_an_interrupted_upload_is_resumed_from_what_came(
    bucket: Any, session_of: Callable[[str], AuthorizedSession]
) -> None:
    address = begin(session_of("owner"), bucket, "o")
    assert "range" not in put(address, b"", "bytes */10").headers
    part = put(address, b"01234", "bytes 0-4/10")
    assert (part.status_code, part.headers["range"]) == (308, "bytes=0-4")
    asked = put(address, b"", "bytes */10")
    assert (asked.status_code, asked.headers["range"]) == (308, "bytes=0-4")
    assert put(address, b"3456789", "bytes 3-9/10").status_code == 200
    assert bucket.blob("o").download_as_bytes() == b"0123456789"
    again = put(address, b"", "bytes */10")
    assert again.json()["generation"] == str(bucket.get_blob("o").generation)


def test_an_upload_whose_connection_broke_is_resumed(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], emulator: Running
) -> None:
    address = begin(session_of("owner"), bucket, "o")
    connection = HTTPSConnection(
        emulator.proxy.removeprefix("http://"),
        timeout=9,
        context=ssl.create_default_context(cafile=str(emulator.ca_file)),
    )
    connection.set_tunnel("storage.googleapis.com", 443)
    with closing(connection):
        connection.putrequest("PUT", address.removeprefix("https://storage.googleapis.com"))
        connection.putheader("content-range", "bytes 0-9/10")
        connection.putheader("content-length", "10")
        connection.endheaders(b"01234")
        received = emulator.folder / "storage" / "resumable" / address.rpartition("=")[2] / "bytes"
        until(lambda: received.stat().st_size == 5)
    asked = put(address, b"", "bytes */10")
    assert (asked.status_code, asked.headers["range"]) == (308, "bytes=0-4")
    assert put(address, b"56789", "bytes 5-9/10").status_code == 200
    assert bucket.blob("o").download_as_bytes() == b"0123456789"


def test_tensorflow_begins_an_upload_with_a_word_of_an_old_http_and_reads_headers_to_the_letter(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], emulator: Running
) -> None:
    session = session_of("owner")
    session.get(UPLOAD.format(bucket.name).replace("/upload", ""))  # has a token from here on
    connection = HTTPSConnection(
        emulator.proxy.removeprefix("http://"),
        timeout=9,
        context=ssl.create_default_context(cafile=str(emulator.ca_file)),
    )
    connection.set_tunnel("www.googleapis.com", 443)
    with closing(connection):
        connection.putrequest("POST", f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable&name=o")
        connection.putheader("authorization", f"Bearer {session.credentials.token}")
        connection.putheader("Content-Length", "0")
        connection.putheader("Transfer-Encoding", "identity")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        address = dict(answer.getheaders())["Location"]
    assert put(address, b"data", "bytes 0-3/4").status_code == 200
    assert bucket.blob("o").download_as_bytes() == b"data"


def until(holds: Callable[[], bool]) -> None:
    """Returns as soon as it holds; fails where it does not within ten seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_large_object_passes_in_constant_memory(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], emulator: Running
) -> None:
    before = peak_memory_mib(emulator)
    session, size = session_of("owner"), 96 * MIB // len(BIG) * len(BIG)
    url = UPLOAD.format(bucket.name) + "?uploadType=media&name=o"
    assert session.post(url, blocks(size=size)).json()["size"] == str(size)
    with session.get(bucket.get_blob("o").media_link, stream=True) as answer:
        assert sum(map(len, answer.iter_content(MIB))) == size
    assert peak_memory_mib(emulator) - before < 24


def peak_memory_mib(emulator: Running) -> int:
    status = Path(f"/proc/{emulator.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024


def test_a_hole_in_an_upload_is_refused(bucket: Any, session_of: Callable[[str], AuthorizedSession]) -> None:
    address = begin(session_of("owner"), bucket, "o")
    assert put(address, b"56789", "bytes 5-9/10").status_code == 400
    assert put(address, b"", "what").status_code == 400


def test_a_cancelled_upload_is_over(bucket: Any, session_of: Callable[[str], AuthorizedSession]) -> None:
    address = begin(session_of("owner"), bucket, "o")
    assert requests.delete(address, timeout=9).status_code == 499
    assert put(address, b"0", "bytes 0-0/1").status_code == 404


def blocks(*, size: int) -> Iterator[bytes]:
    for _ in range(size // len(BIG)):
        yield BIG


def test_a_body_without_a_length_is_stored(
    bucket: Any, session_of: Callable[[str], AuthorizedSession]
) -> None:
    url = UPLOAD.format(bucket.name) + "?uploadType=media&name=o"
    assert session_of("owner").post(url, blocks(size=2 * len(BIG))).status_code == 200
    assert bucket.get_blob("o").crc32c == crc32c(BIG * 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b\r\n\r\n{}",
        b"--b\r\n\r\n{}\r\n--b\r\n\r\ndata without an end",
        b"--b\r\n\r\nnot json\r\n--b\r\n\r\ndata\r\n--b--",
        b"--b\r\n\r\n[]\r\n--b\r\n\r\ndata\r\n--b--",
    ],
)
def test_a_malformed_multipart_body_is_refused(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], body: bytes
) -> None:
    url = UPLOAD.format(bucket.name) + "?uploadType=multipart&name=o"
    answer = session_of("owner").post(url, body, headers={"content-type": "multipart/related; boundary=b"})
    assert answer.status_code == 400
    assert not bucket.blob("o").exists()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_multipart_body_may_come_in_any_pieces(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], cut: int
) -> None:
    body = b'--b\r\n\r\n{"contentType": "a/b"}\r\n--b\r\ncontent-type: c/d\r\n\r\nda\r\n--ta\r\n--b--\r\n'
    url = UPLOAD.format(bucket.name) + "?uploadType=multipart&name=o"
    headers = {"content-type": 'multipart/related; boundary="b"'}
    answer = session_of("owner").post(url, iter([body[:cut], body[cut:]]), headers=headers)
    assert answer.status_code == 200, answer.text
    stored = bucket.get_blob("o")
    assert (stored.download_as_bytes(), stored.content_type) == (b"da\r\n--ta", "a/b")


@pytest.mark.parametrize("cut", range(1, 120, 17))
def test_a_multipart_body_may_have_bare_line_feeds_and_a_boundary_in_single_quotes(
    platform: Any, ask: Callable[..., Any], cut: int
) -> None:
    """As gsutil and gcloud send it, and, in double quotes, gcsfs."""
    mark = b"===============7338=="
    body = b"--" + mark + b"\nContent-Type: application/json\nMIME-Version: 1.0\n\n"
    body += b'{"name": "o"}\n--' + mark + b"\nContent-Type: text/plain\nMIME-Version: 1.0\n"
    body += b"Content-Transfer-Encoding: binary\n\n" + b"x" * cut + b"\r\n\n--" + mark + b"--"
    made = _multipart(platform, ask, body, f"multipart/related; boundary='{mark.decode()}'")
    assert (made.status, made.json["size"], made.json["contentType"]) == (200, str(cut + 2), "text/plain")


def test_a_part_that_is_encoded_is_refused_rather_than_stored_so(
    platform: Any, ask: Callable[..., Any]
) -> None:
    body = b'--b\r\n\r\n{"name": "o"}\r\n--b\r\ncontent-transfer-encoding: base64\r\n\r\neA==\r\n--b--'
    refused = _multipart(platform, ask, body, "multipart/related; boundary=b")
    assert refused.status == 400
    assert "transfer encoding" in refused.json["error"]["message"]


def _multipart(platform: Any, ask: Callable[..., Any], body: bytes, content_type: str) -> Any:
    storage = "https://storage.googleapis.com"
    platform.call("POST", f"{storage}/storage/v1/b?project=primus", {"name": "bucket-of-primus"})
    headers = {"content-type": content_type}
    headers["authorization"] = f"Bearer {platform.token_of('user:owner@primus.example')}"
    url = f"{storage}/upload/storage/v1/b/bucket-of-primus/o?uploadType=multipart"
    return ask(platform.app, "POST", url, headers=headers, body=body)


def test_an_upload_without_a_name_is_refused(
    bucket: Any, session_of: Callable[[str], AuthorizedSession]
) -> None:
    answer = session_of("owner").post(UPLOAD.format(bucket.name) + "?uploadType=media", b"data")
    assert answer.status_code == 400


def _session(platform: Any, name: str, prefix: str = "") -> str:
    """The address of an upload that creates the object, and replaces none."""
    storage = "https://storage.googleapis.com"
    platform.call("POST", f"{storage}/storage/v1/b?project=primus", {"name": "bucket-of-primus"})
    objects = f"{storage}{prefix}/upload/storage/v1/b/bucket-of-primus/o"
    begun = platform.call("POST", f"{objects}?uploadType=resumable&name={name}&ifGenerationMatch=0", {})
    return str(begun.headers["location"])


def _put(
    platform: Any, ask: Callable[..., Any], session: str, data: bytes, content_range: str | None = None
) -> Any:
    """What the session answers to the bytes, which are all there are unless the range says more."""
    headers = {"content-range": content_range or f"bytes 0-{len(data) - 1}/{len(data)}"}
    headers["content-length"] = str(len(data))
    headers["authorization"] = f"Bearer {platform.token_of('user:owner@primus.example')}"
    return ask(platform.app, "PUT", session, headers=headers, body=data)


def test_an_upload_that_has_ended_answers_the_same_again(platform: Any, ask: Callable[..., Any]) -> None:
    session = _session(platform, "a")
    first = _put(platform, ask, session, b"data")
    again = _put(platform, ask, session, b"data")
    assert (first.status, again.status) == (200, 200)
    assert again.json == first.json


def test_an_upload_that_was_refused_is_over(platform: Any, ask: Callable[..., Any]) -> None:
    early, late = _session(platform, "a"), _session(platform, "a")
    assert _put(platform, ask, early, b"early").status == 200
    assert _put(platform, ask, late, b"late").status == 412
    assert _put(platform, ask, late, b"late").status in (404, 410)


def test_a_session_may_lie_where_gsutil_begins_it(platform: Any, ask: Callable[..., Any]) -> None:
    session = _session(platform, "a", "/resumable")
    assert session.startswith("https://storage.googleapis.com/resumable/upload/storage/v1/b/")
    assert _put(platform, ask, session, b"data").json["size"] == "4"


def test_a_range_without_an_end_goes_to_the_end_of_the_body(platform: Any, ask: Callable[..., Any]) -> None:
    """Node's client sends it."""
    session = _session(platform, "a")
    assert _put(platform, ask, session, b"01234", "bytes 0-4/*").status == 308
    last = _put(platform, ask, session, b"3456789", "bytes 3-*/*")
    assert (last.status, last.json["size"]) == (200, "10")
    of_a_known_size = _session(platform, "b")
    assert _put(platform, ask, of_a_known_size, b"01234", "bytes 0-*/10").status == 308
    assert _put(platform, ask, of_a_known_size, b"56789", "bytes 5-*/10").status == 200


def test_an_upload_whose_end_was_not_written_down_is_not_made_twice(
    platform: Any, ask: Callable[..., Any]
) -> None:
    """As where the emulator is killed between making the object and saying so."""
    session = _session(platform, "a")
    folder = platform.state.folder / "storage" / "resumable" / session.rpartition("=")[2]
    _put(platform, ask, session, b"01234", "bytes 0-4/*")
    (folder / "kept").hardlink_to(folder / "bytes")
    first = _put(platform, ask, session, b"56789", "bytes 5-9/10")
    (folder / "object.json").unlink()
    (folder / "kept").rename(folder / "bytes")
    again = _put(platform, ask, session, b"other bytes", "bytes 0-10/11")
    assert (again.status, again.json["generation"]) == (200, first.json["generation"])
    read = platform.call("GET", first.json["mediaLink"])
    assert read.body == b"0123456789"
