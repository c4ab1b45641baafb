"""One fetch of a sealed model in a process of its own: what it takes beside the model.

    python -m benchmarks.fetched_alone TERMS ARCHIVE

A process that has sealed a model before has memory to use again, and so would show nothing. This one has
loaded the program and opened its client, and no more. It prints MiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import google.auth

from attestation.digests import Digest, parse_digest
from contract.release_terms import ReleaseTerms
from contract.terms import ModelTerms
from contract.uris import parse_object_uri
from contract.wrapped_keys import WrappedKey
from workload import model_archive, object_storage, sealed_archive
from workload.key_service import KeyService


class GivenKeys(KeyService):
    """Unwraps what was never wrapped: Cloud KMS takes one request, whatever the model's size."""

    def __init__(self) -> None:
        pass

    def unwrap(self, entry: WrappedKey, manifest: Digest) -> bytes:
        return entry.wrapped


def peak_beside_mib(work: Callable[[], object]) -> float:
    """The most that this process has in memory while it does the work, less what it had before."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _resident("VmRSS")
    work()
    return (_resident("VmHWM") - before) / 1024


def fetch_apart(
    terms: ModelTerms, release: ReleaseTerms, archive: Path, *, environment: Mapping[str, str]
) -> float:
    """MiB beside the model, of another process."""
    said = {
        "uri": str(terms.uri),
        "sha256": terms.sha256,
        "manifest": release.manifest,
        "kms": release.kms,
    }
    command = [sys.executable, "-m", "benchmarks.fetched_alone", json.dumps(said), str(archive)]
    root = Path(__file__).parent.parent
    done = subprocess.run(
        command, cwd=root, env=dict(environment), check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout)


def _resident(name: str) -> int:
    """KiB. Source: proc(5), `/proc/PID/status`."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{name}:")[2].split()[0])


def main() -> None:
    """The figure stands on standard output."""
    said, archive = json.loads(sys.argv[1]), Path(sys.argv[2])
    terms = ModelTerms(
        uri=parse_object_uri(said["uri"], where="the model"), sha256=parse_digest(said["sha256"])
    )
    release = ReleaseTerms(manifest=parse_digest(said["manifest"]), kms=said["kms"])
    client = object_storage.open_client(google.auth.default()[0])

    def fetch() -> None:
        model_archive.verify(sealed_archive.fetch(client, GivenKeys(), terms, release, archive), terms)

    print(peak_beside_mib(fetch))
    archive.unlink()


if __name__ == "__main__":
    main()
