"""Large files by gsutil beside google-cloud-storage, and pages of a full bucket's list beside an empty one's.

    python -m benchmarks.storage_clients [--mib 1024] [--objects 100000] [--format json]

gsutil reads 8 KiB at a time, and hashes, writes and counts each piece in Python (`TRANSFER_BUFFER_SIZE` of
gsutil 5.34): its own processes compute for longer than google-cloud-storage's whole transfer takes, whatever
answers. Both rates are shown, and the seconds that each client and the emulator computed.

Asserted: without what gsutil itself computes, spread over all cores, it carries the file up and down at 0.7
of google-cloud-storage's rate in the same run at least; for gsutil's transfer the emulator computes no longer
than 1 / 0.7 of what it does for google-cloud-storage's; the emulator's memory stays flat; a page of one
object out of `--objects` costs at most twice the empty page of an empty bucket, and a whole page no more than
twice as much as the same page in a bucket that has nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.oauth2.credentials import Credentials

from emulator import running
from emulator.running import Running
from emulator.storage.objects import ObjectStore, measure
from emulator.storage.paging import render_page_token
from symbolon.emulator.command import environment_of

_HOST = "https://storage.googleapis.com/storage/v1/b"
_LEAST_RATE = 0.7
_MOST_MEMORY_MIB = 64
_MOST_OF_A_PAGE = 2.0
_ROUNDS = 60
_PAGE = 1000
_LIBRARY = """
import sys
from google.cloud import storage
bucket = storage.Client().bucket("large")
verb, file = sys.argv[1:]
blob = bucket.blob("by-library")
blob.upload_from_filename(file) if verb == "up" else blob.download_to_filename(file)
"""


def transfers(folder: Path, mib: int) -> dict[str, float]:
    """For each client and way its MiB/s, and how many seconds it and the emulator computed.

    Those are `… own` and `… here`. And by how many MiB the emulator's memory grew meanwhile.
    """
    with (folder / "file").open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))
    emulator = running.start(folder / "state")
    environment = {**os.environ, **environment_of(emulator, "owner")}
    try:
        _client(emulator).create_bucket("large", project="primus")
        python = [sys.executable, "-c", _LIBRARY]
        before = _peak_mib(emulator)
        took = {}
        for name, command in (
            ("library up", [*python, "up", "file"]),
            ("gsutil up", ["gsutil", "-q", "cp", "file", "gs://large/by-gsutil"]),
            ("library down", [*python, "down", "back"]),
            ("gsutil down", ["gsutil", "-q", "cp", "gs://large/by-gsutil", "again"]),
        ):
            own, here, began = _computed_by_children(), _computed_by(emulator), time.perf_counter()
            subprocess.run(command, env=environment, cwd=folder, check=True)
            took[name] = mib / (time.perf_counter() - began)
            took[f"{name} own"] = _computed_by_children() - own
            took[f"{name} here"] = _computed_by(emulator) - here
        return took | {"grown_mib": _peak_mib(emulator) - before}
    finally:
        emulator.stop()


def pages(folder: Path, count: int) -> dict[str, float]:
    """The median of milliseconds of a page in an empty bucket, a full one, and one that a page holds."""
    state = folder / "full"
    emulator = running.start(state)
    client = _client(emulator)
    for name in ("empty", "full", "page"):
        client.create_bucket(name + "-bucket", project="primus")
    emulator.stop()
    store = ObjectStore(state / "storage", time.time)
    for bucket, objects in (("full-bucket", count), ("page-bucket", _PAGE)):
        for number in range(objects):
            with store.draft() as draft:
                store.put(bucket, f"photos/{number:07}.jpg", measure(draft), {})
    emulator = running.start(state)
    try:
        session = _session(emulator)
        questions = {
            "empty": "empty-bucket/o",
            "one of many": "full-bucket/o?maxResults=1",
            "folded": "full-bucket/o?delimiter=/",
            "page of many": f"full-bucket/o?pageToken={render_page_token(f'photos/{count // 2:07}.jpg')}",
            "page alone": "page-bucket/o",
        }
        took: dict[str, list[float]] = {name: [] for name in questions}
        for _ in range(_ROUNDS):  # in turns, so that whatever else happens slows all alike
            for name, question in questions.items():
                began = time.perf_counter()
                answer = session.get(f"{_HOST}/{question}")
                took[name].append((time.perf_counter() - began) * 1000)
                answer.raise_for_status()
        return {name: statistics.median(each) for name, each in took.items()}
    finally:
        emulator.stop()


def _session(emulator: Running) -> Any:
    os.environ.update(emulator.env)
    file = str(emulator.credentials_file("owner"))
    return AuthorizedSession(Credentials.from_authorized_user_file(file))  # type: ignore[no-untyped-call]


def _client(emulator: Running) -> storage.Client:
    session = _session(emulator)
    return storage.Client(project="primus", credentials=session.credentials, _http=session)


def _computed_by_children() -> float:
    """Seconds of processors, of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _computed_by(emulator: Running) -> float:
    """Seconds of processors, so far. Source: proc(5), `/proc/PID/stat`."""
    fields = Path(f"/proc/{emulator.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib(emulator: Running) -> float:
    lines = Path(f"/proc/{emulator.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def check(measured: dict[str, float], *, mib: int) -> list[str]:
    """What is not as it should be."""
    faults = []
    for way in ("up", "down"):
        gsutil, library = f"gsutil {way}", f"library {way}"
        waited_s = mib / measured[gsutil] - measured[f"{gsutil} own"] / (os.cpu_count() or 1)
        if waited_s * _LEAST_RATE > mib / measured[library]:
            faults.append(f"{gsutil} is slow")
        if measured[f"{gsutil} here"] * _LEAST_RATE > measured[f"{library} here"]:
            faults.append(f"{gsutil} is dear")
    limits = {
        "memory grows": measured["grown_mib"] <= _MOST_MEMORY_MIB,
        "a page of one is dear": measured["one of many"] <= _MOST_OF_A_PAGE * measured["empty"],
        "a folded page is dear": measured["folded"] <= _MOST_OF_A_PAGE * measured["empty"],
        "a page is dear": measured["page of many"] <= _MOST_OF_A_PAGE * measured["page alone"],
    }
    return faults + [said for said, holds in limits.items() if not holds]


def _unit_of(name: str) -> str:
    if name.endswith((" own", " here")):
        return "s of processors"
    return "MiB/s" if name.endswith((" up", " down")) else "MiB" if "mib" in name else "ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="symbolon-benchmark-") as temporary:
        folder = Path(temporary)
        measured = pages(folder, arguments.objects) | transfers(folder, arguments.mib)
    if arguments.format == "json":
        print(json.dumps(measured))
    else:
        for name, value in measured.items():
            print(f"{name:18} {value:9.1f} {_unit_of(name)}")
    if faults := check(measured, mib=arguments.mib):
        raise SystemExit("; ".join(faults))


if __name__ == "__main__":
    main()
