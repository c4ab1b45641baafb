"""The commands that every contestant answers, one JSON line each way, on standard input and output.

    {"do": "pass", "photos": N, "repeat": M}  the first N photos M times over; how long it took,
                                              and the pace of its last three quarters
    {"do": "alone", "stage": S}               one stage and nothing else (ours alone); how long it took
    {"do": "delay", "latency_s": S}           every read of a file waits so long from now on
    {"do": "rows"}                            each photo's best classes and their scores
    {"do": "end"}                             the process ends; the most memory it had

The first line that it says, it says by itself: it is loaded and warm.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

from ..work import Work, parse_work

Answer = tuple[str, Sequence[int], Sequence[float]]
"""A photo's name, its best classes, best first, and their scores."""


class Contestant(Protocol):
    """A model that is loaded, and has been run."""

    def stream(self, photos: Sequence[str]) -> Iterator[Answer]:
        """One answer a photo, in their order."""

    def delay(self, latency_s: float) -> None:
        """Every read of a file waits so long from now on."""

    def alone(self, stage: str) -> Callable[[], int]:
        """What runs that stage once, and says for how many photos."""


WholeJob = Callable[[Work, Sequence[str]], Iterator[Answer]]
"""Loads the model and answers for the photos, as a job that does nothing else would."""


def serve(make: Callable[[Work], Contestant], whole_job: WholeJob) -> None:
    """The contestant of the `Work` in the file that the command line names has answered until told to end.

    With `--whole RESULT` it does the work once, writes every answer at the end, and ends.
    """
    began = time.time()
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--whole", type=Path, metavar="RESULT")
    parser.add_argument("--photos", type=int)
    arguments = parser.parse_args()
    work = parse_work(arguments.work.read_text())
    answers = _only_ours()
    if arguments.whole is not None:
        photos = work.photos[: arguments.photos]
        _write_all(whole_job(work, photos), arguments.whole, answers)
        return
    contestant = make(work)
    _say(answers, {"ready_s": time.time() - began})
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        if command["do"] == "end":
            break
        _say(answers, _answer(contestant, work, command))
    _say(answers, {"peak_bytes": peak_bytes()})


def peak_bytes() -> int:
    """The most memory that this process had resident."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("the kernel does not say VmHWM")


def cpu_s(pid: int) -> float:
    """The processor time that a process has used, in seconds; 0 is none."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _answer(contestant: Contestant, work: Work, command: dict[str, Any]) -> dict[str, Any]:
    if command["do"] == "rows":
        stream = contestant.stream(work.photos)
        return {"rows": {name: [list(best), list(scores)] for name, best, scores in stream}}
    if command["do"] == "delay":
        contestant.delay(command["latency_s"])
        return {}
    if command["do"] == "alone":
        return _alone(contestant.alone(command["stage"]), work, seconds=command["seconds"])
    photos = work.photos[: command["photos"]] * command["repeat"]
    return _timed(lambda: contestant.stream(photos), work)


def _timed(start: Callable[[], Iterable[Answer]], work: Work) -> dict[str, Any]:
    at_s = []
    server, used, began = cpu_s(work.server_pid), time.process_time(), time.perf_counter()
    for _ in start():
        at_s.append(time.perf_counter() - began)
    quarter = len(at_s) // 4
    return {
        "images": len(at_s),
        "seconds": time.perf_counter() - began,
        "first_row_s": at_s[0],
        "later_per_s": (len(at_s) - 1 - quarter) / (at_s[-1] - at_s[quarter]),
        "cpu_s": time.process_time() - used,
        "server_cpu_s": cpu_s(work.server_pid) - server,
    }


def _alone(run: Callable[[], int], work: Work, *, seconds: float) -> dict[str, Any]:
    run()
    count = 0
    server, used, began = cpu_s(work.server_pid), time.process_time(), time.perf_counter()
    while time.perf_counter() - began < seconds:
        count += run()
    return {
        "images": count,
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time() - used,
        "server_cpu_s": cpu_s(work.server_pid) - server,
    }


def _write_all(rows: Iterator[Answer], result: Path, answers: TextIO) -> None:
    first_at, lines = 0.0, []
    for name, best, scores in rows:
        first_at = first_at or time.time()
        lines.append(json.dumps([name, list(best), list(scores)]) + "\n")
    result.write_text("".join(lines))
    _say(answers, {"images": len(lines), "first_row_at": first_at, "peak_bytes": peak_bytes()})


def _only_ours() -> TextIO:
    """Standard output for our lines alone: what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, line: dict[str, Any]) -> None:
    print(json.dumps(line), file=answers, flush=True)
