"""The owner's model comes into memory step by step, and no step can be left out."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from google.cloud import storage

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected
from contract.request import agree, parse_request
from tests.workload.samples import LABELS, TERMS, model_terms
from workload import object_storage, obtaining
from workload.obtaining import FetchedArchive, VerifiedArchive
from workload.timings import Timings

JOB = agree(TERMS, parse_request({"INPUT_URI": "gs://photos", "RESULT_URI": "gs://results"}))


def test_bytes_that_the_terms_do_not_pin_are_never_a_verified_archive(tmp_path: Path) -> None:
    fetched = FetchedArchive(file=tmp_path / "archive", digest=digest_of(b"another"), generation=1)
    with pytest.raises(EvidenceRejected):
        obtaining.verify(fetched, replace(TERMS.model, sha256=digest_of(b"the owner's")))


def test_bytes_that_the_terms_pin_are() -> None:
    fetched = FetchedArchive(file=Path("archive"), digest=digest_of(b"the owner's"), generation=1)
    verified = obtaining.verify(fetched, replace(TERMS.model, sha256=digest_of(b"the owner's")))
    assert verified == VerifiedArchive(file=Path("archive"))


def test_a_verified_archive_is_loaded_with_its_labels_once_the_runtime_is_there(
    tmp_path: Path, model_archive: bytes
) -> None:
    file, timings, imported = tmp_path / "archive", Timings(started=0.0), []
    file.write_bytes(model_archive)
    obtained = obtaining.load(
        VerifiedArchive(file=file), JOB, timings, runtime=lambda: imported.append(file.exists())
    )
    assert obtained.labels == LABELS
    assert obtained.model.classes == len(LABELS)
    assert imported == [False], "the archive is unpacked, and gone, while the runtime is still imported"
    assert list(timings.so_far().steps) == ["unpack", "load"]


def test_nobody_holds_the_owners_client_once_the_model_is_fetched(
    as_operator: storage.Client, make_bucket: Callable[[], storage.Bucket], tmp_path: Path
) -> None:
    bucket = make_bucket()
    bucket.blob("model.tar.gz").upload_from_string(b"model")
    owner = object_storage.open_client(as_operator._credentials)
    client, session = weakref.ref(owner), weakref.ref(owner._http)
    terms = replace(TERMS, model=model_terms(b"model", bucket=bucket.name))
    access = obtaining.Access(storage=owner)
    fetched = obtaining.fetch(access, terms, tmp_path, Timings(started=0.0))
    assert obtaining.verify(fetched, terms.model).file.read_bytes() == b"model"
    del owner, access
    gc.collect()
    assert (client(), session()) == (None, None)
