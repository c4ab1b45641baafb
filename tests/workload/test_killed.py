"""A job that is killed again and again, at instants that a seed chooses, and what is then in its folder."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from attestation.digests import Digest
from attestation.errors import ExitCode
from contract.parts import parse_part, parse_part_name
from contract.receipt import parse_receipt, parse_statement
from tests.workload.jobs import Ended, Job, Stage
from tests.workload.samples import picture

SEED = 13
NONE = Digest("sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("pictures", "kills"),
    [pytest.param(2000, 20, id="twenty times"), pytest.param(2000, 200, id="long", marks=pytest.mark.long)],
)
def test_a_job_that_is_killed_and_resumed_has_the_results_of_one_that_was_not(
    stage: Stage, pictures: int, kills: int
) -> None:
    chosen = random.Random(SEED)
    folder = fill(stage, pictures, chosen)
    began = time.monotonic()
    undisturbed = job(stage, folder).run()
    takes_s = time.monotonic() - began
    assert undisturbed.status == ExitCode.YES, undisturbed.lines
    expected = results_of(undisturbed)
    killed = resumed = 0
    while killed < kills:
        again, ended = job(stage, folder), None
        while killed < kills and ended is None:
            ended = ended_within(again, chosen.uniform(0.0, takes_s))
            killed += ended is None
        ended = ended or again.run()
        assert (ended.status, ended.errors) == (ExitCode.YES, ""), ended.lines
        assert results_of(ended) == expected
        assert set(ended.written) == set(undisturbed.written)  # no claim, no error is left
        resumed += sum(line.get("taken_over", 0) > 0 for line in ended.lines)
    assert resumed > 0, "no start has taken anything over: this test has tested nothing"


def fill(stage: Stage, pictures: int, chosen: random.Random) -> str:
    """A folder with so many small pictures, some of which cannot be read."""
    folder = f"killed-{pictures}"
    for number in range(pictures):
        red, green, blue = (chosen.randrange(256) for _ in range(3))
        data = picture((red, green, blue)) if number % 17 else b"no picture"
        stage.photos.blob(f"{folder}/{number:05}.png").upload_from_string(data)
    return folder


def job(stage: Stage, folder: str) -> Job:
    """By the runtime that starts soonest."""
    return stage.job(
        environment={"INPUT_URI": f"gs://{stage.photos.name}/{folder}"},
        edit=lambda terms: terms.replace('"tensorflow"', '"openvino"').replace(
            "most_images = 50", "most_images = 5000"
        ),
    )


def ended_within(job: Job, seconds: float) -> Ended | None:
    """What came of the start; or None, and it got SIGKILL, as it had not ended by then."""
    with job.started() as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None  # leaving the block kills it
    return job.ended(process.returncode, output, errors)


def results_of(ended: Ended) -> Mapping[str, object]:
    """All that does not differ by when it was made: rows and leaves of each part, and `result`."""
    parts = {
        name: parse_part(text.encode(), where=name)
        for name, text in ended.written.items()
        if parse_part_name(name) is not None
    }
    said = {name: (part.index, part.rows, part.inputs) for name, part in parts.items()}
    return {**said, "result": ended.written["result"], "receipt": sealed_in(ended)}


def sealed_in(ended: Ended) -> object:
    """What the receipt says, but for tokens, times, and what names the folder or the copy of the model."""
    statement = parse_statement(parse_receipt(ended.written["receipt.json"].encode()).payload)
    parts = [
        (part.name, parse_part_name(part.name) is not None or part.digest) for part in statement.subjects
    ]
    own = replace(
        statement,
        subjects=(),
        began_at=0,
        ended_at=0,
        job_digest=NONE,
        terms_digest=NONE,
        result_uri="",
        model_uri="",
        model_generation=None,
    )
    return own, parts
