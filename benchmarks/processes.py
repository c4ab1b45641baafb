"""Contestants as processes: started, asked, ended; or started once for a whole job."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from deploy.image import SOURCE, read_dockerfile

from .work import Work

_END_TIMEOUT_S = 60
_LONGEST_S = 300
"""A contestant that says nothing for so long hangs: it is killed, and the benchmark ends."""


class Contestant:
    """A process that is loaded and warm, and does nothing until it is asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **command: Any) -> dict[str, Any]:
        """Its answer; for the commands see `contestants.answering`."""
        assert self._process.stdin is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return self.listen()

    def listen(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        with _limited(self._process):
            line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a contestant ended unasked; what it said of that stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def contestant(name: str, work: Work, folder: Path, env: Mapping[str, str]) -> Iterator[Contestant]:
    """The contestant `name` (a module of `contestants`), ready to work; `folder` is for small files."""
    process = subprocess.Popen(
        _command(name, work, folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment({**_settings_of(name), **env}),
    )
    try:
        running = Contestant(process)
        running.listen()
        yield running
        process.communicate(timeout=_END_TIMEOUT_S)  # its input ends, and so does it
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeJob:
    """From the start of the process to its end, in seconds of wall time, and of processor time."""

    seconds: float
    first_row_s: float
    peak_bytes: int
    cpu_s: float
    rows: dict[str, tuple[list[int], list[float]]]


def whole_job(name: str, work: Work, count: int, folder: Path, env: Mapping[str, str]) -> WholeJob:
    """The contestant has done the first `count` photos in a process that did nothing else."""
    result = folder / f"{name}.result"
    command = [*_command(name, work, folder), "--whole", str(result), "--photos", str(count)]
    started_at, before = time.time(), time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=clean_environment({**_settings_of(name), **env})
    )
    assert process.stdout is not None
    with _limited(process):
        said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{name} ends with {process.returncode}; what it said of that stands above")
    answer = json.loads(said)
    rows = (json.loads(line) for line in result.read_text().splitlines())
    return WholeJob(
        seconds=seconds,
        first_row_s=answer["first_row_at"] - started_at,
        peak_bytes=answer["peak_bytes"],
        cpu_s=used.ru_utime + used.ru_stime,
        rows={name: (best, scores) for name, best, scores in rows},
    )


def _settings_of(contestant: str) -> dict[str, str]:
    """A peer's are as they come."""
    return image_settings() if contestant == "ours" else {}


def image_settings() -> dict[str, str]:
    """How our image has libraries manage memory and threads."""
    stated = read_dockerfile().environment
    return {key: value for key, value in stated.items() if key.startswith(("MALLOC_", "OPENBLAS_"))}


def compile_rooms() -> None:
    """What the program imports of ours is compiled, as the image has it: no start does it again."""
    for room in ("attestation", "contract", "workload"):
        compileall.compile_dir(SOURCE / room, quiet=1)


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment and `extra`; modules are compiled once, as an installer does."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", **extra}


@contextmanager
def _limited(process: subprocess.Popen[str]) -> Iterator[None]:
    timer = Timer(_LONGEST_S, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _command(name: str, work: Work, folder: Path) -> list[str]:
    description = folder / f"{name}.work.json"
    description.write_text(work.render())
    return [sys.executable, "-m", f"benchmarks.contestants.{name}", str(description)]
