"""What it costs that a model lies sealed: to fetch and open it, and to seal it.

    python -m benchmarks.sealed_release [--mib N] [--rounds N] [--format json]

*Fetched*: the steps Fetch and Verify of a sealed model against those of the plain one, in turn, from the
emulator into memory; the owner's key is unwrapped at once. *Memory beside it*: the largest resident memory of
a fetch in a process of its own, less what it was before (the model itself lies in a file that is memory).
*Sealed*: what `symbolon owner protect` does before the first byte is sent and for each that is, without a
network, against `sha256sum` of the same file, which takes one core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

import google.auth
from google.cloud import storage

from contract.kms_keys import KmsKey
from contract.release_terms import ReleaseTerms
from contract.terms import ModelTerms
from contract.uris import ObjectUri
from contract.wrapped_keys import WrappedKey, render_keys
from symbolon.owner.packing import Packing
from symbolon.owner.packing import measure as measure_packing
from symbolon.owner.sealing import SealedArchive, new_seal
from workload import model_archive, object_storage, sealed_archive

from .fetched_alone import GivenKeys, fetch_apart
from .figures import Spread, pairwise, spread
from .storing import BUCKET, emulated

_PLAIN, _SEALED = "model.tar", "sealed.tar"
_MEMORY = Path("/dev/shm")
_PIECE = 8 << 20
_KMS = KmsKey(project="primus", location="global", ring="models", key="benchmark")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRelease:
    """MiB a second; ratios round by round. `beside_mib`: resident memory of a fetch, at its most, in MiB."""

    mib: int
    fetched_sealed: Spread
    fetched_plain: Spread
    fetch_ratio: Spread
    beside_mib: Spread
    sealed: Spread
    hashed: Spread
    seal_ratio: Spread


def measure(*, mib: int, rounds: int) -> SealedRelease:
    """All four, in turn; the first round is not counted."""
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory(dir=_MEMORY)))
        model = scratch / _PLAIN
        with model.open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(1 << 20))
        packing = Packing(archive=model)
        sealing = [(_hash(model), _seal(packing)) for _ in range(rounds + 1)][1:]
        terms, release = opened.enter_context(_uploaded(scratch, packing))
        client = object_storage.open_client(google.auth.default()[0])
        plain = ModelTerms(uri=ObjectUri(bucket=BUCKET, name=_PLAIN), sha256=terms.sha256)
        fetched = [
            (_fetch_plain(client, plain, scratch / "a"), _fetch(client, terms, release, scratch / "a"))
            for _ in range(rounds + 1)
        ][1:]
        beside = [fetch_apart(terms, release, scratch / "a", environment=os.environ) for _ in range(rounds)]
    rates = {
        "hashed": [mib / hashed for hashed, _ in sealing],
        "sealed": [mib / sealed for _, sealed in sealing],
        "fetched_plain": [mib / plain_s for plain_s, _ in fetched],
        "fetched_sealed": [mib / sealed_s for _, sealed_s in fetched],
    }
    return SealedRelease(
        mib=mib,
        **{name: spread(values) for name, values in rates.items()},
        fetch_ratio=pairwise(rates["fetched_sealed"], rates["fetched_plain"]),
        beside_mib=spread(beside),
        seal_ratio=pairwise(rates["sealed"], rates["hashed"]),
    )


def _hash(model: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["sha256sum", model], check=True, capture_output=True)
    return time.perf_counter() - began


def _seal(packing: Packing) -> float:
    """What `owner protect` does: the archive is measured, then sealed as its upload asks for it."""
    began = time.perf_counter()
    measured = measure_packing(packing)
    seal = new_seal(Packing(files=()), measured, model_id=_SEALED, version=1)
    with SealedArchive(packing, seal) as archive:
        while archive.read(_PIECE):
            pass
        archive.check_same(measured)
    return time.perf_counter() - began


@contextmanager
def _uploaded(scratch: Path, packing: Packing) -> Iterator[tuple[ModelTerms, ReleaseTerms]]:
    """An emulator has the model twice, as it is and sealed, and this process talks to it; the terms."""
    folder = scratch / "objects"
    folder.mkdir()
    measured = measure_packing(packing)
    seal = new_seal(Packing(files=()), measured, model_id=_SEALED, version=1)
    with SealedArchive(packing, seal) as archive, (folder / _SEALED).open("wb") as file:
        while piece := archive.read(_PIECE):
            file.write(piece)
    (scratch / _PLAIN).rename(folder / _PLAIN)
    (folder / f"{_SEALED}.manifest.json").write_bytes(seal.payload)
    entry = WrappedKey(kms=_KMS, wrapped=seal.key)
    (folder / f"{_SEALED}.keys.json").write_bytes(render_keys(seal.digest, (entry,)))
    with emulated(folder) as there, patch.dict(os.environ, there.env):
        for each in folder.iterdir():
            each.unlink()
        terms = ModelTerms(uri=ObjectUri(bucket=BUCKET, name=_SEALED), sha256=measured.digest)
        yield terms, ReleaseTerms(manifest=seal.digest, kms=str(_KMS))


def _fetch_plain(client: storage.Client, terms: ModelTerms, archive: Path) -> float:
    began = time.perf_counter()
    model_archive.verify(model_archive.fetch(client, terms, archive), terms)
    seconds = time.perf_counter() - began
    archive.unlink()
    return seconds


def _fetch(client: storage.Client, terms: ModelTerms, release: ReleaseTerms, archive: Path) -> float:
    began = time.perf_counter()
    model_archive.verify(sealed_archive.fetch(client, GivenKeys(), terms, release, archive), terms)
    seconds = time.perf_counter() - began
    archive.unlink()
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
    rows = {
        "sealed, fetched": (found.fetched_sealed, "MiB/s"),
        "plain, fetched": (found.fetched_plain, "MiB/s"),
        "memory beside it": (found.beside_mib, "MiB"),
        "sealed by its owner": (found.sealed, "MiB/s"),
        "sha256sum": (found.hashed, "MiB/s"),
    }
    for name, (rate, unit) in rows.items():
        print(f"{name:20} {rate.median:8.0f} {unit:5}  ({rate.lowest:.0f} to {rate.highest:.0f})")
    for name, ratio in (("fetched, ratio", found.fetch_ratio), ("sealing, ratio", found.seal_ratio)):
        print(f"{name:20} {ratio.median:8.2f}        ({ratio.lowest:.2f} to {ratio.highest:.2f})")


if __name__ == "__main__":
    main()
