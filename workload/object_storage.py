"""Cloud Storage by its own client, with failures in our families, and large objects by ranges."""

from __future__ import annotations

import base64
import http.client
import io
import re
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http import HTTPStatus
from urllib.parse import quote

import google_crc32c
import requests
import urllib3
from google.api_core import exceptions as api
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption

from attestation.errors import Denied, Misconfigured, Unavailable, quoted

from . import patience
from .sessions import STORAGE, settle, storage_pool

ENDPOINT = "https://storage.googleapis.com"
CONNECTIONS = 32
"""The most connections that a client keeps, if it is not told otherwise."""
RANGE_BYTES = 8 << 20
"""A large object is read by ranges of this size."""
_RANGES_AT_ONCE = 8

_REFRESH_RETRIES = 3
# A download that breaks off is told by urllib3 itself: Google's client reads it past `requests`.
_UNREACHED = (
    *(requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException),
    *(ConnectionError, GoogleAuthError),
)
_CRC32C = re.compile(r"\bcrc32c=([\w+/=]+)")


def open_client(credential: Credentials, *, connections: int = CONNECTIONS) -> storage.Client:
    """A client that speaks for `credential`; no project is needed to read and write objects.

    It keeps `connections` connections for the requests to come. More may be under way at a time,
    at the price of a TLS handshake each.
    """
    refreshing = requests.Session()
    settle(refreshing, retries=_REFRESH_RETRIES)
    session = AuthorizedSession(credential, auth_request=Request(refreshing))  # type: ignore[no-untyped-call]
    settle(session, connections=connections)
    client = storage.Client(
        project=None, credentials=credential, _http=session, client_options={"api_endpoint": ENDPOINT}
    )
    # INVARIANT: a bearer token goes to Google, or nowhere, whatever the library takes from the environment.
    if client.api_endpoint != ENDPOINT:
        raise AssertionError("the storage client has another endpoint than Google's")
    return client


def read_whole(bucket: storage.Bucket, name: str, *, generation: int) -> bytes:
    """The object's bytes as they are stored, by one request.

    Raises:
        DataCorruption: they do not match their checksum.
        Exception: whatever else the client raises; see `storage_failures`.
    """
    kept = _Kept()
    bucket.blob(name, generation=generation).download_to_file(
        kept, raw_download=True, single_shot_download=True, **patience.for_storage()
    )
    return kept.data()


def read_small(client: storage.Client, bucket: str, name: str, *, generation: int) -> bytes:
    """The object's bytes as they are stored, for less than half of the processor time of `read_whole`.

    One GET with the client's own credential and connections. Only an answer that is the object itself is
    taken, of that generation and with its checksum. Any other is left to `read_whole`, with its patience
    and its errors.

    Raises: as `read_whole`.
    """
    session = client._http  # the one that `open_client` has given it
    pool = storage_pool(session)
    path = f"/download/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"
    path += f"?alt=media&generation={generation}"
    headers = {"accept-encoding": "gzip"}
    if pool is not None:
        with suppress(GoogleAuthError, urllib3.exceptions.HTTPError, OSError):
            session.credentials.before_request(session._auth_request, "GET", STORAGE + path, headers)
            answer = pool.urlopen(
                *("GET", path),
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=patience.STORAGE.call_s,
            )
            data = answer.read(decode_content=False)
            answer.release_conn()
            crc32c = _CRC32C.search(answer.headers.get("x-goog-hash", ""))
            if (
                answer.status == HTTPStatus.OK
                and answer.headers.get("x-goog-generation") == str(generation)
                and crc32c
            ):
                if _crc32c(data) != crc32c[1]:
                    raise DataCorruption(None, "an object does not match its checksum")
                return data
    return read_whole(client.bucket(bucket), name, generation=generation)


def _crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def read_large(bucket: storage.Bucket, name: str, *, generation: int, size: int, crc32c: str) -> bytes:
    """The `size` bytes of an object, several ranges at a time; `crc32c` is what the listing says of them.

    Raises: as `read_whole`.
    """
    pieces, found = [], 0
    for piece in read_ranges(bucket, name, generation=generation, size=size):
        found = google_crc32c.extend(found, piece)
        pieces.append(piece)
    if base64.b64encode(found.to_bytes(4, "big")).decode() != crc32c:
        raise DataCorruption(None, "the ranges of an object do not match its checksum")
    return b"".join(pieces)


def read_range(bucket: storage.Bucket, name: str, *, generation: int, start: int, size: int) -> bytes:
    """`size` bytes of an object, from `start` on, by one request, which the client repeats where it fails.

    A range has no checksum of its own, so whoever reads it checks the whole.

    Raises:
        DataCorruption: the range is not as long as it must be.
        Exception: whatever else the client raises; see `storage_failures`.
    """
    kept = _Kept()
    bucket.blob(name, generation=generation).download_to_file(
        kept,
        start=start,
        end=start + size - 1,
        raw_download=True,
        checksum=None,
        single_shot_download=True,
        **patience.for_storage(),
    )
    found = kept.data()
    if len(found) != size:
        raise DataCorruption(None, f"a range of {size} bytes has {len(found)}")
    return found


def read_ranges(
    bucket: storage.Bucket,
    name: str,
    *,
    generation: int,
    size: int,
    start: int = 0,
    at_once: int = _RANGES_AT_ONCE,
) -> Generator[bytes]:
    """The bytes of an object from `start` up to its `size`, in order, in pieces of `RANGE_BYTES` at most.

    Each piece is a `read_range` of its own. At most `at_once` are under way or waiting, so the memory is
    bounded whoever is slow. All are of one generation.

    Raises: as `read_range`.
    """

    def read(first: int) -> bytes:
        return read_range(
            bucket, name, generation=generation, start=first, size=min(RANGE_BYTES, size - first)
        )

    waiting = iter(range(start, size, RANGE_BYTES))
    under_way: deque[Future[bytes]] = deque()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="range")
    try:
        for first in waiting:
            under_way.append(pool.submit(read, first))
            if len(under_way) == at_once:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        # Whoever gives up does not wait for what is on its way.
        pool.shutdown(wait=False)


@contextmanager
def storage_failures(what: str) -> Iterator[None]:
    """Within the block, a failure of Cloud Storage is raised as one of ours; `what` was asked for.

    Raises:
        Misconfigured: there is no such bucket or object, or the request makes no sense.
        Denied: the credential may not do it.
        Unavailable: Cloud Storage did not answer, though the client asked again and again; or what
            it answered did not match its checksum.
    """
    try:
        yield
    except api.NotFound:
        raise Misconfigured(f"{what} does not exist", hint="check the name, and where it was made") from None
    except (api.Forbidden, api.Unauthorized) as error:
        raise Denied(
            f"{what} is out of reach: {_words(error)}",
            hint="grant `roles/storage.objectViewer` to read, `roles/storage.objectUser` to write",
        ) from None
    except (api.ServerError, api.TooManyRequests, api.RetryError) as error:
        raise _unavailable(what) from error
    except DataCorruption as error:
        raise Unavailable(f"{what} arrives damaged", hint="start the job again") from error
    except _UNREACHED as error:
        raise _unavailable(what) from error
    except api.GoogleAPICallError as error:
        raise Misconfigured(
            f"{what} cannot be used: {_words(error)}",
            hint="check its name and settings",
        ) from None


def _words(error: api.GoogleAPICallError) -> str:
    """What Cloud Storage said, without the client's own wrapping of it."""
    try:
        words = str(error.response.json()["error"]["message"])
    except (AttributeError, ValueError, LookupError, TypeError):
        words = f"it answers {error.code}"
    return quoted(words, most_characters=300)


def _unavailable(what: str) -> Unavailable:
    return Unavailable(f"{what} cannot be reached", hint="start the job again once Cloud Storage answers")


class _Kept(io.RawIOBase):
    """Keeps what is written to it as it is: a copy of each piece would take as long as its decryption."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # the client writes bytes alone
        self._pieces.append(data)
        return len(data)

    def data(self) -> bytes:
        return b"".join(self._pieces)
