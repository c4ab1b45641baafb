"""Our workload and a peer at the same work, in turn, several rounds, on the same cores.

Each round, everything is measured once: us, the peer, and what bounds us. So whatever else the machine
does in a round slows them all alike, and the medians of the rounds' own ratios are what is reported.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .figures import Agreement, Spread, agreement, bound, pairwise, spread
from .models import SAVED_MODEL, make_saved_model
from .photos import KINDS, make_photos
from .processes import Contestant, WholeJob, contestant, whole_job
from .storing import Storage, emulated
from .work import ModelFacts, Work

PASS_S = 2.5
"""A contestant goes over the photos as often as fills so many seconds: a stream takes a moment to fill."""
ALONE_S = 1.0
_FEWER = 60
"""Photos that a peer is given which waits for a network before each."""
_OF_RAY = 8
"""Times that Ray Data goes over the photos: it starts an actor first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison. `photos` is a folder, or a kind that `benchmarks.photos` knows."""

    peer: Literal["sample", "ray_data"] = "sample"
    photos: str = "small"
    count: int | None = None
    pixels: int = 128
    model: ModelFacts | None = None
    runtime: str = "tensorflow"
    precision: str = "fp32"
    decode: str = "exact"
    storage: Literal["files", "emulated"] = "files"
    latency_ms: int = 0
    batch_size: int = 0
    stream: str = ""
    rounds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Pictures a second once everything is loaded and warm; `share` is of the bound, round by round."""

    ours: Spread
    peer: Spread
    ratio: Spread
    ratio_later: Spread
    """Beside the pace of the peer's last three quarters, which leaves out how it started."""
    stages: dict[str, float]
    bound: Spread
    share: Spread
    bound_by_cpu: float
    """As `bound`, if every stage took its processor time and no more, on all cores."""
    cpu_ms: dict[str, float]
    """Processor time of a picture: each stage's when it is alone (`reads` and the emulator's part of them),
    and in the stream; milliseconds."""
    busy: Spread
    """The share of all cores that the stream and the emulator used."""
    without_latency: Spread | None
    kept_with_latency: Spread | None
    first_row_s: Spread
    peak_bytes: dict[str, int]
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Seconds from the start of the process to its end."""

    pictures: int
    ours: Spread
    peer: Spread
    ratio: Spread
    ours_cpu_s: float
    peer_cpu_s: float
    first_row_s: dict[str, float]
    peak_bytes: dict[str, int]
    agreement: Agreement


def cores() -> int:
    """Those that this process, and so every contestant, may use."""
    return len(os.sched_getaffinity(0))


def photos_of(comparison: Comparison) -> Path:
    """The folder of the photos."""
    return make_photos(comparison.photos) if comparison.photos in KINDS else Path(comparison.photos)


def model_of(comparison: Comparison) -> ModelFacts:
    """The model that was named, or EfficientNet-Lite0."""
    return comparison.model or ModelFacts(
        folder=str(make_saved_model(comparison.pixels) / SAVED_MODEL), pixels=comparison.pixels
    )


def compare_whole(comparison: Comparison, counts: list[int]) -> list[Whole]:
    """The whole job by us and by the peer, over so many photos each time.

    Files alone: `benchmarks.first_row` measures the program of the image.
    """
    if comparison.storage != "files":
        raise SystemExit("whole jobs are compared over files: `benchmarks.first_row` shows one over storage")
    with _set_up(comparison) as (work, storage, folder):
        found = []
        for count in counts:
            mine: list[WholeJob] = []
            theirs: list[WholeJob] = []
            for number in range(comparison.rounds + 1):
                ours = whole_job("ours", work, count, folder, storage.env)
                peer = whole_job(comparison.peer, _exact(work), count, folder, storage.env)
                if number:  # the first round reads everything from the disk
                    mine.append(ours)
                    theirs.append(peer)
            found.append(_whole(comparison, count, mine, theirs))
        return found


def _whole(comparison: Comparison, count: int, mine: list[WholeJob], theirs: list[WholeJob]) -> Whole:
    return Whole(
        pictures=count,
        ours=spread([job.seconds for job in mine]),
        peer=spread([job.seconds for job in theirs]),
        ratio=pairwise([job.seconds for job in theirs], [job.seconds for job in mine]),
        ours_cpu_s=spread([job.cpu_s for job in mine]).median,
        peer_cpu_s=spread([job.cpu_s for job in theirs]).median,
        first_row_s={
            "ours": spread([job.first_row_s for job in mine]).median,
            comparison.peer: spread([job.first_row_s for job in theirs]).median,
        },
        peak_bytes={
            "ours": max(job.peak_bytes for job in mine),
            comparison.peer: max(job.peak_bytes for job in theirs),
        },
        agreement=agreement(mine[0].rows, theirs[0].rows),
    )


def compare_steady(comparison: Comparison) -> Steady:
    """Both, loaded and warm."""
    with _set_up(comparison) as (work, storage, folder), ExitStack() as contestants:
        ours = contestants.enter_context(contestant("ours", work, folder, storage.env))
        peer = contestants.enter_context(contestant(comparison.peer, _exact(work), folder, storage.env))
        rounds = _Rounds(comparison, work, storage, ours, peer)
        for _ in range(comparison.rounds):
            rounds.play()
        rounds.delay(0)
        same = agreement(ours.ask(do="rows")["rows"], peer.ask(do="rows")["rows"])
        peaks = {"ours": ours.ask(do="end")["peak_bytes"], comparison.peer: peer.ask(do="end")["peak_bytes"]}
        if comparison.peer == "ray_data":
            del peaks[comparison.peer]  # that of its driver alone, where nothing happens
        return rounds.summed_up(same, peaks)


@contextmanager
def _set_up(comparison: Comparison) -> Iterator[tuple[Work, Storage, Path]]:
    photos = photos_of(comparison)
    with ExitStack() as opened:
        storage = opened.enter_context(emulated(photos)) if comparison.storage == "emulated" else Storage()
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="symbolon-benchmark-"))
        yield (
            Work(
                model=model_of(comparison),
                folder=str(photos),
                bucket=storage.bucket,
                latency_ms=0 if storage.bucket else comparison.latency_ms,
                server_pid=storage.server_pid,
                runtime=comparison.runtime,
                precision=comparison.precision,
                decode=comparison.decode,
                batch_size=comparison.batch_size,
                stream=comparison.stream,
            ),
            storage,
            Path(folder),
        )


def _exact(work: Work) -> Work:
    """What a peer is given: it knows one way."""
    return replace(work, runtime="tensorflow", precision="fp32", decode="exact")


class _Rounds:
    """What each round has measured so far."""

    def __init__(
        self, comparison: Comparison, work: Work, storage: Storage, ours: Contestant, peer: Contestant
    ) -> None:
        self._comparison, self._storage, self._ours, self._peer = comparison, storage, ours, peer
        self._count = min(comparison.count or 1 << 30, len(work.photos))
        self._peers_count = min(self._count, _FEWER) if comparison.latency_ms else self._count
        self._repeat = 1
        self._peers_repeat = _OF_RAY if comparison.peer == "ray_data" else 1
        self._mine: list[float] = []
        self._undelayed: list[float] = []
        self._theirs: list[float] = []
        self._later: list[float] = []
        self._bounds: list[float] = []
        self._first_rows: list[float] = []
        self._stages: dict[str, list[float]] = {}
        self._cpu_s: dict[str, list[float]] = {}
        self._busy: list[float] = []
        self.delay(comparison.latency_ms)
        rate = self._pass(ours, self._count)
        self._repeat = max(1, math.ceil(PASS_S * rate / self._count))

    def play(self) -> None:
        """One round."""
        comparison = self._comparison
        if comparison.latency_ms:
            self.delay(0)
            self._undelayed.append(self._pass(self._ours, self._count))
            self.delay(comparison.latency_ms)
        self._mine.append(self._pass(self._ours, self._count, profiled=True))
        self._theirs.append(self._pass(self._peer, self._peers_count))
        stages, waiting = {}, None
        for stage in ("reads", "decode", "model"):
            alone = self._ours.ask(do="alone", stage=stage, seconds=ALONE_S)
            rate = alone["images"] / alone["seconds"]
            used_s = (alone["cpu_s"] + alone["server_cpu_s"]) / alone["images"]
            self._note_cpu(stage, alone)
            if stage == "reads":
                # Reads wait for one another and for the network: what they take of the cores is less.
                waiting, rate = rate, cores() / max(used_s, 1e-9)
                self._stages.setdefault("reads, waiting", []).append(waiting)
            stages[stage] = rate
            self._stages.setdefault(stage, []).append(rate)
        self._bounds.append(bound(stages, waiting=waiting if comparison.latency_ms else None))

    def delay(self, latency_ms: int) -> None:
        """Every read waits so long from now on."""
        if self._storage.emulator is not None:
            self._storage.delay(latency_ms)
            return
        for one in (self._ours, self._peer):
            one.ask(do="delay", latency_s=latency_ms / 1000)

    def summed_up(self, same: Agreement, peaks: dict[str, int]) -> Steady:
        cpu_ms = {name: spread(each).median * 1000 for name, each in self._cpu_s.items()}
        alone_ms = sum(each for name, each in cpu_ms.items() if not name.startswith("stream"))
        undelayed = self._undelayed
        return Steady(
            ours=spread(self._mine),
            peer=spread(self._theirs),
            ratio=pairwise(self._mine, self._theirs),
            ratio_later=pairwise(self._mine, self._later),
            stages={name: spread(rates).median for name, rates in self._stages.items()},
            bound=spread(self._bounds),
            share=pairwise(self._mine, self._bounds),
            bound_by_cpu=cores() * 1000 / alone_ms,
            cpu_ms=cpu_ms,
            busy=spread(self._busy),
            without_latency=spread(undelayed) if undelayed else None,
            kept_with_latency=pairwise(self._mine, undelayed) if undelayed else None,
            first_row_s=spread(self._first_rows),
            peak_bytes=peaks,
            agreement=same,
        )

    def _note_cpu(self, stage: str, done: dict[str, Any]) -> None:
        for name, used_s in ((stage, done["cpu_s"]), (f"{stage}, emulator", done["server_cpu_s"])):
            if used_s or name == stage:
                self._cpu_s.setdefault(name, []).append(used_s / done["images"])

    def _pass(self, contestant: Contestant, count: int, *, profiled: bool = False) -> float:
        """Pictures a second of one pass; our own fills its time."""
        repeat = self._repeat if contestant is self._ours else self._peers_repeat
        done: dict[str, Any] = contestant.ask(do="pass", photos=count, repeat=repeat)
        if contestant is not self._ours:
            self._later.append(done["later_per_s"])
        if profiled:
            self._first_rows.append(done["first_row_s"])
            self._note_cpu("stream", done)
            self._busy.append((done["cpu_s"] + done["server_cpu_s"]) / done["seconds"] / cores())
        rate: float = done["images"] / done["seconds"]
        return rate
