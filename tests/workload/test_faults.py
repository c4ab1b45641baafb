"""Every row of `fault_table`, as a real job: how it ends, that nothing is lost, left behind or leaked."""

from __future__ import annotations

import ast
import json
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attestation.errors import ExitCode
from contract.parts import parse_part, parse_part_name
from emulator import running
from emulator.faults import Faults, read_faults, write_faults
from tests.workload.canaries import (
    MAY_KEEP,
    PASSWORD,
    PICTURE,
    VARIABLE,
    leaks,
    marked_environment,
    marked_model,
)
from tests.workload.fault_table import ALWAYS, TABLE, Row
from tests.workload.hasty import ENVIRONMENT
from tests.workload.jobs import ROOT, Ended, Job, Stage
from tests.workload.samples import FACTS, large_png, picture
from workload.inference import Step

KILLED_AFTER_S = 10
"""So long the launcher waits after SIGTERM."""
PICTURES = {
    "many": {f"{number:02}.png": picture((number, 255 - number, 9), comment=PICTURE) for number in range(40)},
    "large": {"0.png": picture(), "1.png": large_png(), "2.png": picture((0, 255, 0))},
    "slow": {f"{number}.png": large_png() for number in range(8)},
}


@pytest.fixture(scope="module")
def marked(emulator: running.Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An owner whose model is marked, and an operator's pictures."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.env.items():
            patch.setenv(name, value)
        model = marked_model(tmp_path_factory.mktemp("ir"))
        stage = Stage(emulator, tmp_path_factory.mktemp("faults"), model)
        for folder, pictures in PICTURES.items():
            for name, data in pictures.items():
                stage.photos.blob(f"{folder}/{name}").upload_from_string(data)
        yield stage


@pytest.fixture(scope="module")
def undisturbed(marked: Stage) -> Mapping[str, Mapping[str, object]]:
    """What a job over each folder comes to that nothing disturbs."""
    found = {}
    for folder in ("many", "large"):
        watched = run(job_of(marked, folder))
        assert (watched.ended.status, watched.ended.errors) == (ExitCode.YES, ""), watched.ended.lines
        assert watched.leaks == []
        found[folder] = results_of(watched.ended)
    return found


class Watched:
    """A job that has ended, and what was seen of its process while it ran."""

    def __init__(self, job: Job, ended: Ended, seen: Mapping[str, str]) -> None:
        self.ended = ended
        log = "\n".join(json.dumps(line, ensure_ascii=False) for line in ended.lines)
        shown = {"log": log, "standard error": ended.errors, **ended.written, **seen}
        # What the launcher has put there, anybody sees there; but nothing else.
        for name, value in (job.environment or {}).items():
            shown["environment"] = shown["environment"].replace(f"{name}={value}\0", "")
        kept = json.loads((job.socket_file.parent.parent / ENVIRONMENT).read_text())
        shown["environment at its end"] = json.dumps(
            {name: value for name, value in kept.items() if name not in MAY_KEEP}
        )
        self.leaks = leaks(shown, paths=[str(job.stage.folder), str(ROOT)])


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=str(row), marks=[pytest.mark.long] if row.is_long else []) for row in TABLE],
)
def test_a_job_that_is_disturbed(
    marked: Stage, undisturbed: Mapping[str, Mapping[str, object]], row: Row
) -> None:
    job = job_of(marked, row.folder, row.job)
    write_faults(marked.emulator.folder, row.faults)
    exchanged = exchanges(marked)
    watched = run(job, row)
    ended, expected = watched.ended, row.expected
    told = [line for line in ended.lines if line["severity"] not in ("INFO",)]
    assert ended.status == expected.status, [line["message"] for line in told]
    # A library that hears nothing is ended from outside, seven seconds after the signal, and that is told.
    is_ended_from_outside = row.meanwhile == "stop" and any("did not end" in line["message"] for line in told)
    if not is_ended_from_outside:
        assert [line["severity"] for line in told] == [
            *(["ERROR"] if expected.status else []),
            *([] if row.is_told or not expected.status else ["WARNING"]),
        ]
    if expected.status and not is_ended_from_outside:
        assert all(part in told[0]["message"] for part in expected.says.split("…")), told
        assert (told[0]["family"], told[0]["exit_code"]) == (expected.family, expected.status)
        assert told[0]["hint"]
        if row.is_told:
            assert (ended.error.family, ended.error.message) == (expected.family, told[0]["message"])
    assert ended.errors == ""
    for trouble in read_faults(marked.emulator.folder).troubles:
        assert trouble.times < ALWAYS if trouble.times > 100 else trouble.times == 0, f"{trouble}: never met"
    if row.faults.access_token_lifetime_s and not expected.status:
        assert exchanges(marked) >= exchanged + 2, "the owner's credential was not renewed"
    assert watched.leaks == []
    assert list(job.scratch.iterdir()) == []

    write_faults(marked.emulator.folder, Faults())
    if expected.status and row.resumes:
        job.before, job.clock_ahead_s = (), 0
        watched = run(job)
        ended = watched.ended
        assert (ended.status, ended.errors) == (ExitCode.YES, ""), ended.lines
        assert watched.leaks == []
    if row.resumes:
        assert results_of(ended) == undisturbed[row.folder]
        assert not {"claim.json", "error.json"} & set(ended.written)


def test_every_step_has_its_rows() -> None:
    assert {row.step for row in TABLE} == set(Step) - {Step.MEASURE}


def test_a_leak_would_be_found(marked: Stage) -> None:
    """Planted in every place and every form; what is allowed is no leak."""
    from base64 import b64encode

    from tests.workload.canaries import BYTES, LABELS

    assert leaks({"log": "nothing", "result": f"{LABELS[0]} and {LABELS[3]}"}) == []
    for planted in (
        BYTES,
        BYTES.encode().hex(),
        *(b64encode(b"x" * before + BYTES.encode() + b"yz").decode() for before in range(4)),
        "".join(f"\\u{ord(letter):04x}" for letter in BYTES),
        LABELS[1],
        VARIABLE,
        f"http://secundus:{PASSWORD}@127.0.0.1:1",
        "Basic " + b64encode(f"secundus:{PASSWORD}".encode()).decode(),
        "ya29.symbolon-emulator.0123456789abcdef",
        marked.verifier.mint(job_of(marked, "many").facts),
        "at /app/workload/program.py:12",
        "in `/dev/shm/symbolon-1`",
    ):
        assert leaks({"log": f"before {planted} after"}), planted
        assert leaks({"error.json": f"{planted}"}), planted
        if not planted.startswith(("at /", "in `/")):
            assert leaks({"environment": f"X={planted}"}), planted


def test_an_operator_cannot_choose_how_patient_the_program_is() -> None:
    """Neither by a variable nor by an argument: nothing of that is read."""
    source = (ROOT / "workload/patience.py").read_text()
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert not names & {"os", "sys", "environ", "argv", "open", "Path"}
    program = (ROOT / "workload/program.py").read_text() + (ROOT / "workload/__main__.py").read_text()
    assert "argv" not in program
    assert "patience" not in program


def job_of(stage: Stage, folder: str, given: Mapping[str, Any] | None = None) -> Job:
    given = dict(given or {})
    before: tuple[str, ...] = ()
    if size := given.pop("tmpfs", None):
        mount = f'mount -t tmpfs -o size={size} tmpfs "$TMPDIR" && exec "$@"'
        before = ("unshare", "-rm", "sh", "-c", mount, "sh")
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
            pytest.skip("not required: this machine lets nobody mount a tmpfs")
    marked = marked_environment(given.pop("proxy", stage.emulator.env["HTTPS_PROXY"]))
    return stage.job(
        environment={"INPUT_URI": f"gs://{stage.photos.name}/{folder}", **marked},
        facts=replace(FACTS, env=marked, env_override=marked),  # the token says so as well
        edit=lambda terms: terms.replace('"tensorflow"', '"openvino"'),
        hasty=True,
        before=before,
        **given,
    )


def run(job: Job, row: Row | None = None) -> Watched:
    """The job has ended; meanwhile the row's other half has happened, and the process was watched."""
    with job.started() as process, watching(process.pid) as seen:
        output = ""
        if row is not None and row.meanwhile:
            assert process.stdout is not None
            while row.after not in output:
                line = process.stdout.readline()
                assert line, f"it ended before it said {row.after!r}: {output}"
                output += line
            _happen(row, job, process)
        rest, errors = process.communicate(
            timeout=KILLED_AFTER_S if row is not None and row.meanwhile == "stop" else 120
        )
    return Watched(job, job.ended(process.returncode, output + rest, errors), seen)


def _happen(row: Row, job: Job, process: subprocess.Popen[str]) -> None:
    """What the row has happen meanwhile; where something hangs, it hangs until then."""
    folder = job.stage.emulator.folder
    if any(trouble.how == "hang" for trouble in row.faults.troubles):
        while all(trouble.times in (1, ALWAYS) for trouble in _hanging(folder)):
            assert process.poll() is None
            time.sleep(0.01)
    if row.meanwhile == "stop":
        process.send_signal(signal.SIGTERM)
        return
    if row.meanwhile == "replace the model":
        name = f"{job.name}.tar.gz"
        listed = job.stage.models.get_blob(name)
        job.stage.models.blob(name).upload_from_string(job.stage.model)
        job.stage.models.delete_blob(name, generation=listed.generation)  # else the bucket still has it
    elif row.meanwhile == "remove the socket":
        job.socket_file.unlink()
    elif row.meanwhile == "fill its scratch space":
        scratch = Path(f"/proc/{process.pid}/root{job.scratch}/filled")
        with pytest.raises(OSError, match="No space left"), scratch.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    elif row.meanwhile == "take its memory":
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (64 << 20)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (most, most))
    write_faults(folder, Faults(troubles=()))


def exchanges(stage: Stage) -> int:
    """How many tokens STS has exchanged so far."""
    return (stage.emulator.folder / "audit.jsonl").read_text().count("SecurityTokenService.ExchangeToken")


def _hanging(folder: Path) -> list[Any]:
    return [trouble for trouble in read_faults(folder).troubles if trouble.how == "hang"]


@contextmanager
def watching(pid: int) -> Iterator[dict[str, str]]:
    """What the process shows of itself to others, all of it that was seen."""
    seen: dict[str, set[str]] = {"arguments": set(), "environment": set()}
    shown: dict[str, str] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            for name, file in (("arguments", "cmdline"), ("environment", "environ")):
                try:
                    seen[name].add(Path(f"/proc/{pid}/{file}").read_text(errors="replace"))
                except OSError:
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield shown
    finally:
        over.set()
        thread.join()
        shown.update({name: "\n".join(texts) for name, texts in seen.items()})


def results_of(ended: Ended) -> Mapping[str, object]:
    """All that does not differ by when it was made: rows and leaves of each part, and `result`."""
    parts = {
        name: parse_part(text.encode(), where=name)
        for name, text in ended.written.items()
        if parse_part_name(name) is not None
    }
    said = {name: (part.index, part.rows, part.inputs) for name, part in parts.items()}
    return {**said, "result": ended.written["result"]}
