"""A sealed model as Cloud Storage gives it: opened while it arrives, or refused; its key is not kept."""

from __future__ import annotations

import gc
import json
import random
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.cloud import storage

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured, SymbolonError, Unavailable
from contract import sealed_model, sealed_stream, wrapped_keys
from contract.canonical import render_canonical
from contract.dsse import public_key_of
from contract.release_terms import ReleaseTerms
from contract.sealed_model import keys_uri, manifest_uri, sign_manifest
from contract.sealed_stream import SEGMENT_BYTES, Stream, make_header
from contract.terms import ModelTerms
from contract.wrapped_keys import WrappedKey, render_keys
from emulator import running
from emulator.faults import trouble, write_faults
from tests.sealed_models import KMS, Sealed, sealed
from tests.workload.samples import model_terms
from workload import object_storage, obtaining, sealed_archive
from workload.key_service import KeyService, WrappedKeyRefused
from workload.obtaining import Access
from workload.timings import Timings

FIRST = SEGMENT_BYTES - 56
MODEL = random.Random(6).randbytes(2 * SEGMENT_BYTES + 777)
Buckets = Callable[[], storage.Bucket]
OWNER = Ed25519PrivateKey.from_private_bytes(bytes(32))


class Keys(KeyService):
    """An owner's key that unwraps what `tests.sealed_models` has wrapped, and keeps no key."""

    def __init__(self) -> None:
        self.closed = False

    def unwrap(self, entry: WrappedKey, manifest: Digest) -> bytes:
        if not entry.wrapped.startswith(b"wrapped:"):
            raise WrappedKeyRefused("it does not open")
        return bytes(entry.wrapped[8:])

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """A sealed model in a bucket, and the terms that pin it."""

    bucket: storage.Bucket
    model: ModelTerms
    release: ReleaseTerms

    def fetch(self, client: storage.Client, folder: Path) -> Digest:
        return sealed_archive.fetch(client, Keys(), self.model, self.release, folder / "archive")

    def write(self, what: str, data: bytes) -> None:
        uri = {"stream": self.model.uri, "manifest": manifest_uri(self.model.uri)}
        uri["keys"] = keys_uri(self.model.uri)
        self.bucket.blob(uri[what].name).upload_from_string(data)


def lying(bucket: storage.Bucket, it: Sealed) -> Lying:
    model = replace(model_terms(it.archive, bucket=bucket.name))
    found = Lying(
        bucket=bucket, model=model, release=ReleaseTerms(manifest=it.digest, kms=str(KMS), signed_by=None)
    )
    for what, data in (("stream", it.stream), ("manifest", it.manifest), ("keys", it.keys)):
        found.write(what, data)
    return found


@pytest.fixture
def there(make_bucket: Buckets) -> Lying:
    return lying(make_bucket(), SEALED)


SEALED = sealed(MODEL)


@pytest.mark.parametrize(
    "size", [0, 1, FIRST, FIRST + 1, len(MODEL), 9 * SEGMENT_BYTES, 8 * SEGMENT_BYTES - 168]
)
def test_a_sealed_model_of_any_size_arrives_open(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path, size: int
) -> None:
    model = (MODEL * 5)[:size]
    there = lying(make_bucket(), sealed(model))
    read: list[int] = []
    found = sealed_archive.fetch(
        as_operator, Keys(), there.model, there.release, tmp_path / "archive", note=read.append
    )
    assert found == digest_of(model) == there.model.sha256
    assert (tmp_path / "archive").read_bytes() == model
    blob = there.bucket.get_blob("model.tar.gz")
    assert blob is not None and read == [int(blob.generation)]


def test_once_it_is_fetched_nobody_has_the_key_or_asks_for_it(
    as_operator: storage.Client, there: Lying, tmp_path: Path
) -> None:
    from tests.workload.samples import TERMS

    terms, keys = replace(TERMS, model=there.model, release=there.release), Keys()
    owner = object_storage.open_client(as_operator._credentials)
    fetched = obtaining.fetch(Access(storage=owner, keys=keys), terms, tmp_path, Timings(started=0.0))
    assert obtaining.verify(fetched, terms.model).file.read_bytes() == MODEL
    assert keys.closed
    for thread in threading.enumerate():
        if thread.name.startswith("segments"):
            thread.join(5)
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, Stream | sealed_archive._Reading)]
    assert kept == []


def test_a_sealed_model_without_its_keys_service_is_a_bug_and_nothing_is_fetched(
    as_operator: storage.Client, there: Lying, tmp_path: Path
) -> None:
    from tests.workload.samples import TERMS

    terms = replace(TERMS, model=there.model, release=there.release)
    owner = object_storage.open_client(as_operator._credentials)
    with pytest.raises(AssertionError):
        obtaining.fetch(Access(storage=owner), terms, tmp_path, Timings(started=0.0))
    assert list(tmp_path.iterdir()) == []


def test_a_signed_manifest_is_held_against_the_owners_key(
    as_operator: storage.Client, there: Lying, tmp_path: Path
) -> None:
    signed = replace(there, release=replace(there.release, signed_by=public_key_of(OWNER).text))
    with pytest.raises(sealed_model.ManifestUnsigned):
        signed.fetch(as_operator, tmp_path)
    there.write("manifest", sign_manifest(SEALED.manifest, Ed25519PrivateKey.generate()))
    with pytest.raises(sealed_model.ManifestSignedByAnother):
        signed.fetch(as_operator, tmp_path)
    there.write("manifest", sign_manifest(SEALED.manifest, OWNER))
    assert signed.fetch(as_operator, tmp_path) == digest_of(MODEL)


def altered(at: int) -> bytes:
    data = bytearray(SEALED.stream)
    data[at] ^= 1
    return bytes(data)


OLDER = sealed(MODEL, version=2)
OTHER_HEADER = sealed(MODEL, header=make_header(bytes(32), bytes(7)))
SEGMENT = [SEALED.stream[at : at + SEGMENT_BYTES] for at in range(0, len(SEALED.stream), SEGMENT_BYTES)]
UNKNOWN = render_canonical({**json.loads(SEALED.manifest), "format": 2})
REFUSED: list[tuple[str, str, bytes, type[SymbolonError]]] = [
    ("an older model's manifest", "manifest", OLDER.manifest, sealed_model.ManifestNotPinned),
    ("an empty manifest", "manifest", b"", sealed_model.ManifestNotPinned),
    ("keys of an older model", "keys", OLDER.keys, wrapped_keys.KeysOfAnother),
    ("empty keys", "keys", b"", wrapped_keys.KeysMalformed),
    ("keys that are altered", "keys", SEALED.keys[:-1] + b"]", wrapped_keys.KeysMalformed),
    (
        "keys that this key does not open",
        "keys",
        render_keys(SEALED.digest, (WrappedKey(kms=KMS, wrapped=b"?"),)),
        WrappedKeyRefused,
    ),
    (
        "keys with nothing for this key",
        "keys",
        render_keys(SEALED.digest, (WrappedKey(kms=replace(KMS, key="b"), wrapped=b"?"),)),
        Misconfigured,
    ),
    (
        "another key",
        "keys",
        render_keys(SEALED.digest, (WrappedKey(kms=KMS, wrapped=b"wrapped:" + bytes(32)),)),
        sealed_stream.KeyDoesNotOpen,
    ),
    ("an older model's stream", "stream", OLDER.stream, sealed_stream.KeyDoesNotOpen),
    ("another stream", "stream", OTHER_HEADER.stream, sealed_stream.HeaderDiffers),
    ("an altered header", "stream", altered(5), sealed_stream.HeaderDiffers),
    ("an altered first segment", "stream", altered(50), sealed_stream.KeyDoesNotOpen),
    ("an altered second segment", "stream", altered(SEGMENT_BYTES), sealed_stream.SegmentForeign),
    ("an altered last byte", "stream", altered(len(SEALED.stream) - 1), sealed_stream.SegmentForeign),
    ("a stream that is cut off", "stream", SEALED.stream[:-1], sealed_stream.StreamTruncated),
    ("a stream without a byte", "stream", b"", sealed_stream.StreamTruncated),
    ("a stream with more", "stream", SEALED.stream + b"\0", sealed_stream.StreamTooLong),
    (
        "a segment twice",
        "stream",
        b"".join([SEGMENT[0], SEGMENT[1], SEGMENT[1], SEGMENT[2]]),
        sealed_stream.StreamTooLong,
    ),
    (
        "the plain archive",
        "stream",
        MODEL + bytes(len(SEALED.stream) - len(MODEL)),
        sealed_stream.HeaderDiffers,
    ),
]


@pytest.mark.parametrize(
    ("what", "data", "refusal"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_whatever_whoever_has_the_bucket_does_is_refused_by_its_name(
    as_operator: storage.Client,
    there: Lying,
    tmp_path: Path,
    what: str,
    data: bytes,
    refusal: type[SymbolonError],
) -> None:
    there.write(what, data)
    with pytest.raises(refusal) as refused:
        there.fetch(as_operator, tmp_path)
    assert type(refused.value) is refusal
    assert "\n" not in refused.value.message
    assert str(tmp_path) not in refused.value.message


def test_segments_that_have_changed_places_are_told_from_altered_ones(
    as_operator: storage.Client, make_bucket: Buckets, tmp_path: Path
) -> None:
    it = sealed((MODEL * 2)[: 4 * SEGMENT_BYTES - 200])
    there, size = lying(make_bucket(), it), SEGMENT_BYTES
    swapped = it.stream[:size] + it.stream[2 * size : 3 * size] + it.stream[size : 2 * size]
    there.write("stream", swapped + it.stream[3 * size :])
    with pytest.raises(sealed_stream.SegmentMisplaced, match=r"segment 2 .* in the place of segment 1"):
        there.fetch(as_operator, tmp_path)


def test_a_manifest_of_a_format_to_come_is_refused_with_a_sentence(
    as_operator: storage.Client, there: Lying, tmp_path: Path
) -> None:
    there.write("manifest", UNKNOWN)
    pinned = replace(there, release=replace(there.release, manifest=digest_of(UNKNOWN)))
    with pytest.raises(
        sealed_model.ManifestFormatUnknown, match="`format` in the sealed model's manifest is `2`"
    ):
        pinned.fetch(as_operator, tmp_path)


def test_terms_that_pin_another_archive_than_the_manifest_are_the_owners_to_mend(
    as_operator: storage.Client, there: Lying, tmp_path: Path
) -> None:
    another = replace(there, model=replace(there.model, sha256=digest_of(b"another")))
    with pytest.raises(Misconfigured, match="the manifest that they pin is of"):
        another.fetch(as_operator, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["manifest", "keys", "stream"])
def test_an_object_that_is_not_there_is_named(
    as_operator: storage.Client, there: Lying, tmp_path: Path, what: str
) -> None:
    name = "model.tar.gz" if what == "stream" else f"model.tar.gz.{what}.json"
    there.bucket.blob(name).delete()
    with pytest.raises(Misconfigured, match="does not exist") as refused:
        there.fetch(as_operator, tmp_path)
    assert "sealed model" in refused.value.message


def test_a_pinned_generation_is_read_and_no_other(
    as_operator: storage.Client, there: Lying, tmp_path: Path
) -> None:
    blob = there.bucket.get_blob("model.tar.gz")
    assert blob is not None
    pinned = replace(there, model=replace(there.model, generation=int(blob.generation)))
    assert pinned.fetch(as_operator, tmp_path) == digest_of(MODEL)
    there.write("stream", SEALED.stream)
    (tmp_path / "archive").unlink()
    with pytest.raises(Misconfigured, match="does not exist"):
        pinned.fetch(as_operator, tmp_path)


@pytest.mark.parametrize("how", ["cut", "503", "reset"])
def test_what_breaks_off_goes_on(
    as_operator: storage.Client, there: Lying, tmp_path: Path, emulator: running.Running, how: Any
) -> None:
    write_faults(emulator.folder, trouble("read", how, times=2))
    with warnings.catch_warnings():
        # google-cloud-storage drops the answer that is an error unread, and its connection with it.
        warnings.simplefilter("ignore", ResourceWarning)
        assert there.fetch(as_operator, tmp_path) == digest_of(MODEL)
        gc.collect()


def test_a_segment_that_was_altered_on_its_way_is_refused(
    as_operator: storage.Client, there: Lying, tmp_path: Path, emulator: running.Running
) -> None:
    write_faults(emulator.folder, trouble("read", "corrupt", times=3))
    with pytest.raises((EvidenceRejected, Unavailable)):
        there.fetch(as_operator, tmp_path)


def test_a_machine_that_swaps_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    for text, expected in ((header, 0), (header + "/dev/sda2 partition 8388604 0 -2\n", 1)):
        (tmp_path / "swaps").write_text(text)
        sealed_archive._warn_of_swap(tmp_path / "swaps")
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["severity"] for line in lines] == ["WARNING"] * expected
    sealed_archive._warn_of_swap(tmp_path / "none")
    assert capsys.readouterr().out == ""


def test_who_has_given_up_writes_nothing_of_what_still_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_range(*_: Any, start: int, size: int, **__: Any) -> bytes:
        return SEALED.stream[start : start + size]

    monkeypatch.setattr(sealed_archive, "read_range", read_range)
    (tmp_path / "a").write_bytes(b"")
    reading = sealed_archive._Reading(None, "x", generation=1, stream=SEALED.opener, archive=tmp_path / "a")
    reading._given_up = True
    reading._read(0, 1)
    assert (tmp_path / "a").read_bytes() == b""
    reading._given_up = False
    assert reading._read(0, 1) == (tmp_path / "a").stat().st_size
