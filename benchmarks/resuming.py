"""What it costs that nothing is lost: resuming a job, proving its parts and sealing it, and its memory.

    python -m benchmarks.resuming [--runtime NAME] [--rounds N] [--missing N] [--without-memory]

The program of the image runs as the launcher runs it, with the image's settings, in front of the emulator,
with EfficientNet-Lite0 over photos of kind `small`, under other names as often as needed. Every figure is a
ratio of two jobs that follow one another, so that other work on the machine slows both; beside the time
stands the processor time of the program alone, without the emulator's.

- **Resuming**: a job of 10,000 pictures is done, the last parts and all that came after them are removed, and
  the same job is started again. Of 21 parts two are removed (`--missing`): 91 % are done.
- **Proof**: for each part of a job of 2,000 pictures, its nonce, its token, the token's verification and the
  leaves, one after the other in this process; and what the job says of *Seal*. All of it counts, as if none
  of it ran beside the model.
- **Memory**: the most that the program had, with 20,000 pictures and with 1,000.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

from attestation.errors import ExitCode
from contract.parts import Part, count_parts, parse_part, part_name, part_nonce, part_range
from contract.results import CODELAB_NAME, RECEIPT_NAME, JobTimings
from contract.terms import parse_terms, render_terms
from emulator import running
from tests.workload.jobs import Job, Stage
from tests.workload.launching import launched
from tests.workload.samples import FACTS
from workload.leaves import Leaves

from .launched import find_timings
from .models import ARCHIVE, make_saved_model
from .photos import make_photos
from .processes import compile_rooms, image_settings
from .work import ModelFacts, Work, terms_of

PIXELS = 128
FEW, PROVED, RESUMED, MANY = 1_000, 2_000, 10_000, 20_000
MOST_OF_WHOLE = 0.15
MOST_OF_JOB = 0.03
MOST_GROWTH = 1.1
_UPLOADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One start of the program: its time and its processor time, and the most memory that it had."""

    seconds: float
    cpu_s: float
    peak_bytes: int
    timings: JobTimings


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Medians of the rounds' own ratios: by the clock, and by the program's processor time."""

    done: float
    """Of the rows, those that were there when the job was resumed."""
    resumed: float
    resumed_cpu: float
    proof: float
    proof_cpu: float
    whole_s: float
    memory_growth: float | None


def measure(*, runtime: str, rounds: int, missing: int, memory: bool) -> Costs:
    """Everything, in front of an emulator of its own."""
    with _stage() as stage:
        upload_photos(stage, MANY if memory else RESUMED)
        resumed = [_resume(stage, runtime, missing=missing) for _ in range(rounds)]
        proofs = [_prove(stage, runtime) for _ in range(rounds)]
        peaks = [_run(_job(stage, runtime, count)).peak_bytes for count in (FEW, MANY)] if memory else None
    return Costs(
        done=len(part_range(0, RESUMED)) * (count_parts(RESUMED) - missing) / RESUMED,
        resumed=statistics.median(again.seconds / whole.seconds for whole, again in resumed),
        resumed_cpu=statistics.median(again.cpu_s / whole.cpu_s for whole, again in resumed),
        proof=statistics.median(wall_s / ran.seconds for ran, wall_s, _ in proofs),
        proof_cpu=statistics.median(cpu_s / ran.cpu_s for ran, _, cpu_s in proofs),
        whole_s=statistics.median(whole.seconds for whole, _ in resumed),
        memory_growth=None if peaks is None else peaks[1] / peaks[0],
    )


@contextmanager
def _stage() -> Iterator[Stage]:
    compile_rooms()
    archive = make_saved_model(PIXELS) / ARCHIVE
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="symbolon-benchmark-")))
        emulator = running.start(folder / "emulator")
        opened.callback(emulator.stop)
        opened.enter_context(patch.dict(os.environ, emulator.env))
        (folder / "jobs").mkdir()
        yield Stage(emulator, folder / "jobs", archive.read_bytes())


def folder_of(count: int) -> str:
    """The folder with so many photos: each smaller one lies in the larger.

    >>> folder_of(2_000)
    'of-20000/of-10000/of-2000/'
    """
    return "".join(f"of-{each}/" for each in (MANY, RESUMED, PROVED, FEW) if each >= count)


def upload_photos(stage: Stage, count: int) -> None:
    """The operator's bucket has so many photos in the folders of `folder_of`."""
    originals = [path.read_bytes() for path in sorted(make_photos("small").iterdir())]

    def upload(number: int) -> None:
        within = folder_of(next(each for each in (FEW, PROVED, RESUMED, MANY) if number < each))
        blob = stage.photos.blob(f"{within}{number:06}.jpg")
        blob.upload_from_string(originals[number % len(originals)], content_type="image/jpeg")

    with ThreadPoolExecutor(_UPLOADS) as pool:
        for _ in pool.map(upload, range(count)):
            pass


def _job(stage: Stage, runtime: str, count: int) -> Job:
    work = Work(model=ModelFacts(folder="", pixels=PIXELS), folder="", runtime=runtime)

    def edit(text: str) -> str:
        given = parse_terms(text)
        return render_terms(replace(terms_of(work), model=given.model, credential=given.credential))

    uri = f"gs://{stage.photos.name}/{folder_of(count)}"
    environment = {"INPUT_URI": uri, **image_settings()}
    return stage.job(environment=environment, edit=edit, tensorflow=runtime == "tensorflow")


def _run(job: Job) -> Ran:
    """The program has been started once, and has ended with 0."""
    with job.started() as process, ThreadPoolExecutor(2) as readers:
        began = time.monotonic()
        assert process.stdout is not None and process.stderr is not None
        said = [readers.submit(pipe.read) for pipe in (process.stdout, process.stderr)]
        _, status, used = os.wait4(process.pid, 0)  # which says what it used, and it alone
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        log, errors = (each.result() for each in said)
    if process.returncode != ExitCode.YES:
        raise SystemExit(f"the workload ends with {process.returncode}: {log[-2000:]}{errors[-2000:]}")
    return Ran(
        seconds=seconds,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_bytes=used.ru_maxrss * 1024,
        timings=find_timings(log),
    )


def _resume(stage: Stage, runtime: str, *, missing: int) -> tuple[Ran, Ran]:
    """A whole job, and the same one without the last `missing` parts."""
    job = _job(stage, runtime, RESUMED)
    whole = _run(job)
    parts = count_parts(RESUMED)
    gone = [part_name(index) for index in range(parts - missing, parts)]
    for name in (*gone, CODELAB_NAME, RECEIPT_NAME):
        stage.results.blob(f"{job.name}/{name}").delete()
    return whole, _run(job)


def _prove(stage: Stage, runtime: str) -> tuple[Ran, float, float]:
    """A job, and what its proofs take by the clock and of a processor, one after the other."""
    job = _job(stage, runtime, PROVED)
    ran = _run(job)
    blobs = [stage.results.blob(f"{job.name}/{part_name(index)}") for index in range(count_parts(PROVED))]
    parts = [parse_part(blob.download_as_bytes(), where=blob.name) for blob in blobs]
    with launched(stage.verifier, FACTS, stage.folder / job.name / "beside") as machine, Leaves() as leaves:

        def prove(part: Part) -> None:
            nonce = part_nonce(part.job, part.index, part.inputs, part.rows)
            leaves.add(replace(part, token=machine.ask(nonce)))

        machine.ask("0" * 64)  # whatever the first one has to load
        spent = [_timed(partial(prove, part)) for part in parts]
    began, ended = ran.timings.steps["seal"]
    sealed_s = (ended or began) - began
    wall_s, cpu_s = (sum(each) + each[0] + sealed_s for each in zip(*spent, strict=True))
    return ran, wall_s, cpu_s  # with one token more, that of `job.json`


def _timed(task: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and of this thread's processor time."""
    began, spent = time.perf_counter(), time.thread_time()
    task()
    return time.perf_counter() - began, time.thread_time() - spent


def render(found: Costs) -> str:
    """The report for people: each figure with its bound."""
    lines = [
        f"resuming {found.done:.0%}   {found.resumed:6.1%} of the whole job's {found.whole_s:.1f} s"
        f" ({found.resumed_cpu:.1%} of its processor time), at most {MOST_OF_WHOLE:.0%}",
        f"proof           {found.proof:6.1%} of a job of {PROVED:,} pictures"
        f" ({found.proof_cpu:.1%} of its processor time), at most {MOST_OF_JOB:.0%}",
    ]
    if found.memory_growth is not None:
        lines.append(
            f"memory          {found.memory_growth:6.2f} times with {MANY:,} pictures what it is with"
            f" {FEW:,}, at most {MOST_GROWTH}"
        )
    return "\n".join(lines)


def reached(found: Costs) -> bool:
    """Every figure is within its bound."""
    return (
        found.resumed <= MOST_OF_WHOLE
        and found.proof <= MOST_OF_JOB
        and (found.memory_growth is None or found.memory_growth <= MOST_GROWTH)
    )


def main() -> int:
    """The figures stand on standard output; the exit code is 3 where one is beyond its bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runtime", choices=["tensorflow", "openvino"], default="openvino")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--missing", type=int, default=2, metavar="N", help="parts to be made again")
    parser.add_argument("--without-memory", action="store_true", help="no job of 20,000 pictures")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    found = measure(
        runtime=arguments.runtime,
        rounds=arguments.rounds,
        missing=arguments.missing,
        memory=not arguments.without_memory,
    )
    print(json.dumps(asdict(found)) if arguments.format == "json" else render(found))
    return ExitCode.YES if reached(found) else ExitCode.ANSWERED_NO


if __name__ == "__main__":
    raise SystemExit(main())
