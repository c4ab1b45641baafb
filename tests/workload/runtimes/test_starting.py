"""Every start ends: by each runtime, in each precision, a thousand times where there is time for it.

Others have seen OpenVINO hang on some processors, with queues of asynchronous requests, dynamic shapes,
int8 and batches of two (ultralytics#25923).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attestation.errors import ExitCode
from tests.workload.jobs import Stage
from tests.workload.samples import archive_of, picture
from tests.workload.test_calibrate import FOR_INT8, calibrate, folder, network

__all__ = ["folder", "network"]

KINDS = [("tensorflow", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8")]
PATIENCE_S = 120
STARTS = int(os.environ.get("SYMBOLON_STARTS", 1_000))
JOBS = int(os.environ.get("SYMBOLON_JOBS", 200))


@pytest.fixture
def model(folder: Path, network: Path, request: pytest.FixtureRequest) -> Path:
    if request.getfixturevalue("precision") != "int8":
        return network
    done = calibrate(folder, network, *FOR_INT8)
    assert done.returncode == ExitCode.YES, done.stderr
    return folder / "int8" / "model.xml"


@pytest.mark.parametrize("starts", [1, pytest.param(STARTS, id="long", marks=pytest.mark.long)])
@pytest.mark.parametrize(("runtime", "precision"), KINDS)
def test_every_start_ends(runtime: str, precision: str, model: Path, starts: int) -> None:
    command = [sys.executable, "-m", "tests.workload.runtimes.starting", str(model), runtime, precision]
    for number in range(starts):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            pytest.fail(f"start {number + 1} of {starts} had not ended after {PATIENCE_S} s")
        assert done.returncode == 0, (number, done.stderr[-2000:])


@pytest.mark.long
@pytest.mark.parametrize(("runtime", "precision"), KINDS)
def test_every_short_job_ends(stage: Stage, runtime: str, precision: str, model: Path) -> None:
    packed = archive_of(model if model.is_dir() else model.parent)
    for number in range(4):
        stage.photos.blob(f"short/{number}.png").upload_from_string(picture((number, 2, 3)))
    for number in range(JOBS):
        ended = stage.job(
            model=packed,
            environment={"INPUT_URI": f"gs://{stage.photos.name}/short"},
            tensorflow=runtime == "tensorflow",
            edit=lambda terms: terms.replace('"tensorflow"', f'"{runtime}"').replace(
                '"fp32"', f'"{precision}"'
            ),
        ).run()
        assert ended.status == ExitCode.YES, (number, ended.lines)
