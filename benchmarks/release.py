"""How fast a large model is released, verified, beside a plain download of the same object.

    python -m benchmarks.release [--mib N] [--rounds N] [--format json]

The steps Fetch and Verify of `workload.model_archive` against `blob.download_to_file` as a user writes it,
from the emulator into memory, in turn. The emulator takes processor time on the same cores, from both alike.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

import google.auth
from google.cloud import storage

from attestation.digests import Digest
from contract.terms import ModelTerms
from contract.uris import ObjectUri
from workload import model_archive, object_storage

from .figures import Spread, pairwise, spread
from .storing import BUCKET, emulated

_OBJECT = "model.tar.gz"
_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """MiB a second; `ratio` round by round."""

    mib: int
    released: Spread
    downloaded: Spread
    ratio: Spread


def measure(*, mib: int, rounds: int) -> Release:
    """Both ways, in turn; the first round is not counted."""
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory(dir=_MEMORY)))
        terms = opened.enter_context(_uploaded(scratch, mib))
        ours = object_storage.open_client(google.auth.default()[0])
        theirs = storage.Client()
        released, downloaded = [], []
        for number in range(rounds + 1):
            release_s = _release(ours, terms, scratch / "released")
            download_s = _download(theirs, scratch / "downloaded")
            if number:
                released.append(mib / release_s)
                downloaded.append(mib / download_s)
    return Release(
        mib=mib,
        released=spread(released),
        downloaded=spread(downloaded),
        ratio=pairwise(released, downloaded),
    )


@contextmanager
def _uploaded(scratch: Path, mib: int) -> Iterator[ModelTerms]:
    """An emulator has the model, this process talks to it, and these are the terms of its owner."""
    sha256 = hashlib.sha256()
    photos = scratch / "model"
    photos.mkdir()
    with (photos / _OBJECT).open("wb") as file:
        for _ in range(mib):
            block = os.urandom(1 << 20)
            sha256.update(block)
            file.write(block)
    with emulated(photos) as storage_of_it, patch.dict(os.environ, storage_of_it.env):
        (photos / _OBJECT).unlink()
        yield ModelTerms(
            uri=ObjectUri(bucket=BUCKET, name=_OBJECT),
            sha256=Digest("sha256:" + sha256.hexdigest()),
            generation=None,
            max_unpacked_bytes=mib << 20,
        )


def _release(client: storage.Client, terms: ModelTerms, archive: Path) -> float:
    began = time.perf_counter()
    model_archive.verify(model_archive.fetch(client, terms, archive), terms)
    seconds = time.perf_counter() - began
    archive.unlink()
    return seconds


def _download(client: storage.Client, file: Path) -> float:
    began = time.perf_counter()
    with file.open("wb") as arriving:
        client.bucket(BUCKET).blob(_OBJECT).download_to_file(arriving)
    seconds = time.perf_counter() - began
    file.unlink()
    return seconds


def main() -> None:
    """The figures stand on standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    found = measure(mib=arguments.mib, rounds=arguments.rounds)
    if arguments.format == "json":
        print(json.dumps(asdict(found)))
        return
    for name, rate in (("released, verified", found.released), ("plain download", found.downloaded)):
        print(f"{name:20} {rate.median:8.0f} MiB/s  ({rate.lowest:.0f} to {rate.highest:.0f})")
    print(f"{'ratio, pair by pair':20} {found.ratio.median:8.2f}", end="")
    print(f"        ({found.ratio.lowest:.2f} to {found.ratio.highest:.2f})")


if __name__ == "__main__":
    main()
