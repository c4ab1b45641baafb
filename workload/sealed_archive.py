"""A sealed model, fetched and opened: its manifest, its wrapped key, and its segments while they arrive.

    manifest, the pinned one → the data key, by one of two ways → segments → their SHA-256

The data key is unwrapped by the owner's key in Cloud KMS, out of `keys.json` of this manifest; or the owner's
broker releases it for this start (`releasing`).

Several ranges arrive at a time. Each thread opens the segments of one, and writes them to their places in the
archive's file, which is memory; the SHA-256 is counted behind them, in order. A thread has one range, as
Google's client hands it over, and one segment that is open, in a buffer that is used again: 9 MiB, and so
54 MiB beside the model itself.

INVARIANT: nothing here parses a byte of the archive. `obtaining.verify` holds its SHA-256 against the terms
first.

Who holds the data key, and what that means: the answer of Cloud KMS has it as text (`requests.Response` and
the object that its JSON becomes), a broker's has it sealed; `unwrap` or `release` returns
it as `bytes`, and `Stream` keeps what HKDF made of it (in `AESGCM`'s own memory, OpenSSL's) until `fetch`
returns. No name refers to any of them after Fetch, but Python cannot overwrite what is immutable: the bytes
stay in freed memory until something else is written there. So whoever reads this process's memory has the
key, as they have the model. What stands in the way is the machine's encrypted memory, that no core dump is
written and no other process may look (`core_dumps`), and the end of the job.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from google.api_core.exceptions import RequestRangeNotSatisfiable
from google.cloud import storage

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract import dsse, sealed_model, wrapped_keys
from contract.kms_keys import parse_kms_key
from contract.release_terms import ReleaseTerms
from contract.sealed_model import Manifest, keys_uri, manifest_uri, open_manifest
from contract.sealed_stream import HEADER_BYTES, SEGMENT_BYTES, Segment, Stream
from contract.terms import ModelTerms
from contract.uris import ObjectUri

from .key_service import KeyService
from .object_storage import read_range, storage_failures
from .patience import for_storage
from .reporting import say
from .scratch import room_for

SEGMENTS_A_RANGE = 8
"""Longer ranges are fewer requests, and more memory: each thread has one whole."""
_AT_ONCE = 6
_WHAT = "the owner's sealed model"
_SWAPS = Path("/proc/swaps")


def fetch(
    owner: storage.Client,
    keys: KeyService | Callable[[], bytes],
    terms: ModelTerms,
    release: ReleaseTerms,
    archive: Path,
    *,
    note: Callable[[int], None] = lambda _generation: None,
) -> Digest:
    """The owner's archive, opened, is in the file `archive`; its SHA-256.

    `keys` unwraps the data key, or gives it: asked for it once, when manifest and stream look right.
    `note` is told the generation of the sealed stream that is read.

    Raises:
        EvidenceRejected: manifest, wrapped keys or stream are not those of the terms; see their classes.
        Misconfigured, Denied, Unavailable: see `storage_failures` and `KeyService.unwrap`; or the scratch
            memory is too small.
        SymbolonError: as `keys`, where it gives the key.
    """
    _warn_of_swap()
    manifest = _manifest(owner, terms, release)
    bucket = owner.bucket(terms.uri.bucket)
    blob = bucket.blob(terms.uri.name, generation=terms.generation)
    with storage_failures(_WHAT):
        blob.reload(**for_storage())
        generation = int(blob.generation)
        note(generation)
        manifest.layout.check_size(int(blob.size))
    stream = _stream(owner, keys, terms, release, manifest)
    with room_for("the model"), storage_failures(_WHAT):
        with archive.open("xb") as file:
            file.truncate(stream.layout.size)
        return _Reading(
            bucket, terms.uri.name, generation=generation, stream=stream, archive=archive
        ).digest()


def _manifest(owner: storage.Client, terms: ModelTerms, release: ReleaseTerms) -> Manifest:
    signed_by = release.signed_by
    public = None if signed_by is None else dsse.parse_public_key(signed_by, where="`release.signed_by`")
    data = _read(owner, manifest_uri(terms.uri), sealed_model.MOST_BYTES * 2, "manifest")
    manifest = open_manifest(data, pinned=release.manifest, signed_by=public)
    if manifest.digest != terms.sha256:
        raise Misconfigured(
            f"the terms pin the archive `{terms.sha256}`, and the manifest that they pin is of"
            f" `{manifest.digest}`",
            hint="the owner runs `symbolon owner protect`, which writes both, and publishes the image again",
        )
    return manifest


def _stream(
    owner: storage.Client,
    keys: KeyService | Callable[[], bytes],
    terms: ModelTerms,
    release: ReleaseTerms,
    manifest: Manifest,
) -> Stream:
    """The stream, with its key."""
    key = _unwrapped(owner, keys, terms, release) if isinstance(keys, KeyService) else keys()
    return Stream(key, header=manifest.header, associated=release.manifest, size=manifest.size)


def _unwrapped(owner: storage.Client, keys: KeyService, terms: ModelTerms, release: ReleaseTerms) -> bytes:
    if release.kms is None:
        raise AssertionError("Cloud KMS is asked by terms that name no key of it")
    data = _read(owner, keys_uri(terms.uri), wrapped_keys.MOST_BYTES, "wrapped keys")
    kms = parse_kms_key(release.kms, where="`release.kms`")
    entry = wrapped_keys.entry_of(wrapped_keys.parse_keys(data, manifest=release.manifest), kms)
    return keys.unwrap(entry, release.manifest)


def _read(owner: storage.Client, uri: ObjectUri, most_bytes: int, what: str) -> bytes:
    """The newest object of that name; one that is larger is as good as none of ours."""
    kept = io.BytesIO()
    with storage_failures(f"the sealed model's {what}, `{uri}`,"):
        try:
            owner.bucket(uri.bucket).blob(uri.name).download_to_file(
                kept, end=most_bytes, raw_download=True, checksum=None, **for_storage()
            )
        except RequestRangeNotSatisfiable:  # so it is said of an object without a byte
            return b""
    return kept.getvalue()


def _warn_of_swap(swaps: Path = _SWAPS) -> None:
    """The log has a warning where memory may be written to a disk."""
    try:
        lines = swaps.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return  # a kernel that has no swap at all
    if len(lines) > 1:
        say("this machine swaps memory to a disk, and the model is in memory", severity="WARNING")


class _Reading:
    """The segments of one stream on their way into the archive's file."""

    def __init__(
        self, bucket: storage.Bucket, name: str, *, generation: int, stream: Stream, archive: Path
    ) -> None:
        self._bucket, self._name, self._generation = bucket, name, generation
        self._stream = stream
        self._archive = archive
        self._buffers: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(_AT_ONCE):
            self._buffers.put(bytearray(SEGMENT_BYTES))
        self._given_up = False

    def digest(self) -> Digest:
        """All segments are in the file; the SHA-256 of what they hold."""
        count = self._stream.layout.segments
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="segments")
        try:
            under_way = [
                pool.submit(self._read, first, min(first + SEGMENTS_A_RANGE, count))
                for first in range(0, count, SEGMENTS_A_RANGE)
            ]
            return self._hash(under_way)
        finally:
            # Whoever gives up does not wait for what is on its way; that writes nowhere any more.
            self._given_up = True
            pool.shutdown(wait=False, cancel_futures=True)

    def _hash(self, under_way: list[Future[int]]) -> Digest:
        sha256, buffer = hashlib.sha256(), memoryview(bytearray(SEGMENT_BYTES))
        with self._archive.open("rb", buffering=0) as file:
            for arrived in under_way:
                end = arrived.result()
                while (left := end - file.tell()) > 0:
                    sha256.update(buffer[: file.readinto(buffer[: min(left, SEGMENT_BYTES)])])
        return Digest("sha256:" + sha256.hexdigest())

    def _read(self, first: int, end: int) -> int:
        """The segments from `first` up to `end` are in the file; where their plaintext ends."""
        places = [self._stream.layout.segment(index) for index in range(first, end)]
        start = places[0].start if first else 0
        arrived = memoryview(
            read_range(
                self._bucket,
                self._name,
                generation=self._generation,
                start=start,
                size=places[-1].end - start,
            )
        )
        if not first:
            self._stream.check_header(arrived[:HEADER_BYTES])
        buffer = self._buffers.get()
        try:
            # A descriptor of its own: one that is shared could be another file's once somebody gave up.
            with self._archive.open("r+b", buffering=0) as file:
                for place in places:
                    if self._given_up:
                        break
                    self._open(arrived[place.start - start : place.end - start], place, buffer, file)
        finally:
            self._buffers.put(buffer)
        return places[-1].plain_end

    def _open(self, sealed: memoryview, place: Segment, buffer: bytearray, file: io.FileIO) -> None:
        plain, at = memoryview(buffer)[: place.plain_end - place.plain_start], place.plain_start
        self._stream.open_segment(place.index, sealed, plain)
        while plain:
            written = os.pwrite(file.fileno(), plain, at)
            plain, at = plain[written:], at + written
