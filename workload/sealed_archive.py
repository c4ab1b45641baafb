"""A sealed model, fetched and opened: its manifest, its wrapped key, and its segments while they arrive.

    manifest, the pinned one → the data key, by one of two ways → segments → their SHA-256

The data key is unwrapped by the owner's key in Cloud KMS, out of `keys.json` of this manifest; or the owner's
broker releases it for this start (`releasing`).

Several ranges arrive at a time. Each thread opens a segment once it is whole, and writes it to its place in
the archive's file, which is memory; the SHA-256 is counted behind them, in order. A thread has one range, as
Google's client hands it over, one segment as it came and one that is open, in buffers that are used again:
6 MiB, and so 48 MiB beside the model itself.

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
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from google.api_core.exceptions import RequestRangeNotSatisfiable
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract import dsse, sealed_model, wrapped_keys
from contract.kms_keys import parse_kms_key
from contract.release_terms import ReleaseTerms
from contract.sealed_model import Manifest, keys_uri, manifest_uri, open_manifest
from contract.sealed_stream import HEADER_BYTES, SEGMENT_BYTES, Stream
from contract.terms import ModelTerms
from contract.uris import ObjectUri

from .key_service import KeyService
from .object_storage import storage_failures
from .patience import for_storage
from .reporting import say
from .scratch import room_for

SEGMENTS_A_RANGE = 4
"""Longer ranges are fewer requests, and more memory: each thread has one whole."""
_AT_ONCE = 8
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
        reading = _Reading(
            blob=bucket.blob(terms.uri.name, generation=generation), stream=stream, archive=archive
        )
        return reading.digest()


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


@dataclass(slots=True)
class _Buffers:
    """A segment as it arrives, and one that is open."""

    sealed: bytearray = field(default_factory=lambda: bytearray(SEGMENT_BYTES))
    plain: bytearray = field(default_factory=lambda: bytearray(SEGMENT_BYTES))


class _Reading:
    """The segments of one stream on their way into the archive's file."""

    def __init__(self, *, blob: storage.Blob, stream: Stream, archive: Path) -> None:
        self._blob = blob
        self._stream = stream
        self._archive = archive
        self._buffers: SimpleQueue[_Buffers] = SimpleQueue()
        self._given_up = False

    def digest(self) -> Digest:
        """All segments are in the file; the SHA-256 of what they hold."""
        count = self._stream.layout.segments
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="segments")
        for _ in range(_AT_ONCE):
            self._buffers.put(_Buffers())
        try:
            under_way = [
                (first, pool.submit(self._read, first, min(first + SEGMENTS_A_RANGE, count)))
                for first in range(0, count, SEGMENTS_A_RANGE)
            ]
            return self._hash(under_way)
        finally:
            # Whoever gives up does not wait for what is on its way; that writes nowhere any more.
            self._given_up = True
            pool.shutdown(wait=False, cancel_futures=True)

    def _hash(self, under_way: list[tuple[int, Future[int]]]) -> Digest:
        sha256, buffer = hashlib.sha256(), memoryview(bytearray(SEGMENT_BYTES))
        with self._archive.open("rb", buffering=0) as file:
            for _, arrived in under_way:
                end = arrived.result()
                while (left := end - file.tell()) > 0:
                    sha256.update(buffer[: file.readinto(buffer[: min(left, SEGMENT_BYTES)])])
        return Digest("sha256:" + sha256.hexdigest())

    def _read(self, first: int, end: int) -> int:
        """The segments from `first` up to `end` are in the file; where their plaintext ends."""
        buffers = self._buffers.get()
        try:
            # A descriptor of its own: one that is shared could be another file's once somebody gave up.
            with self._archive.open("r+b", buffering=0) as file:
                layout = self._stream.layout
                start = layout.segment(first).start if first else 0
                arriving = _Arriving(self._stream, buffers, file, first, end, lambda: self._given_up)
                self._blob.bucket.blob(self._blob.name, generation=self._blob.generation).download_to_file(
                    arriving,
                    start=start,
                    end=layout.segment(end - 1).end - 1,
                    raw_download=True,
                    checksum=None,
                    single_shot_download=True,
                    **for_storage(),
                )
                arriving.check_whole()
                return layout.segment(end - 1).plain_end
        finally:
            self._buffers.put(buffers)


class _Arriving(io.RawIOBase):
    """Takes the bytes of a range in order, opens each segment once it is whole, and writes it to its
    place."""

    def __init__(
        self,
        stream: Stream,
        buffers: _Buffers,
        file: io.FileIO,
        first: int,
        end: int,
        given_up: Callable[[], bool],
    ) -> None:
        self._stream = stream
        self._sealed, self._plain = memoryview(buffers.sealed), memoryview(buffers.plain)
        self._file = file
        self._next, self._end = first, end
        self._given_up = given_up
        self._filled = 0
        self._header = bytearray()
        self._awaits_header = first == 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # the client writes bytes alone
        if self._given_up():
            raise DataCorruption(None, "nobody waits for it")
        rest = memoryview(data)
        if self._awaits_header:
            rest = self._take_header(rest)
        while rest:
            if self._next == self._end:
                raise DataCorruption(None, "a range has more bytes than were asked for")
            place = self._stream.layout.segment(self._next)
            whole = place.end - place.start
            taken = min(len(rest), whole - self._filled)
            self._sealed[self._filled : self._filled + taken] = rest[:taken]
            self._filled += taken
            rest = rest[taken:]
            if self._filled == whole:
                self._open(whole, place.plain_start, place.plain_end)
        return len(data)

    def check_whole(self) -> None:
        """All that was asked for has come.

        Raises:
            DataCorruption: it has not.
        """
        if self._next != self._end:
            raise DataCorruption(None, "a range has fewer bytes than were asked for")

    def _take_header(self, data: memoryview) -> memoryview:
        taken = HEADER_BYTES - len(self._header)
        self._header += data[:taken]
        if len(self._header) == HEADER_BYTES:
            self._stream.check_header(self._header)
            self._awaits_header = False
        return data[taken:]

    def _open(self, whole: int, start: int, end: int) -> None:
        plain = self._plain[: end - start]
        self._stream.open_segment(self._next, self._sealed[:whole], plain)
        while plain:
            written = os.pwrite(self._file.fileno(), plain, start)
            plain, start = plain[written:], start + written
        self._next, self._filled = self._next + 1, 0
