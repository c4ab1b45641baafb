"""`symbolon operator preflight` looks into the results' folder: a job to go on with, or another one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from attestation.digests import Digest
from contract.job import JobRecord, LeftOut, render_job
from contract.uris import parse_folder_uri
from tests.symbolon.conftest import Ask
from tests.symbolon.operator.conftest import There, preflight

JOB = JobRecord(
    image_digest=Digest("sha256:" + "0" * 64),
    terms_digest=Digest("sha256:" + "1" * 64),
    input=parse_folder_uri("gs://secundus-input-bucket/photos", where=""),
    result=parse_folder_uri("gs://secundus-result-bucket", where=""),
    top_k=5,
    pictures=(),
    left_out=LeftOut(),
)


@pytest.mark.parametrize(
    ("name", "change", "besides", "answer", "says"),
    [
        ("goes-on", {}, [], "yes", "goes on where it was"),
        ("finished", {}, ["receipt.json"], "warning", "would find nothing left to do"),
        ("another-image", {"image_digest": JOB.image_digest}, [], "no", "another image began the job"),
        ("other-pictures", {"input": JOB.result}, [], "no", "is of other pictures"),
        ("more-classes", {"top_k": 3}, [], "no", "was asked for 3 classes a picture"),
        ("no-job", None, ["result"], "no", "holds results without a `job.json`"),
        ("only-an-error", None, ["error.json"], "yes", "nothing of a job is in"),
    ],
)
def test_a_results_folder_that_another_job_has_begun_in_is_told(
    ask: Ask,
    there: There,
    name: str,
    change: dict[str, Any] | None,
    besides: list[str],
    answer: str,
    says: str,
) -> None:
    bucket = there.stage.operator.storage.bucket(there.operator.result_bucket.name)
    if change is not None:
        job = replace(JOB, **{"image_digest": Digest(there.digest), **change})
        bucket.blob(f"{name}/job.json").upload_from_string(render_job(job, token="t"))
    for other in besides:
        bucket.blob(f"{name}/{other}").upload_from_string("x")
    answered = preflight(ask, there, "--results", f"gs://{bucket.name}/{name}", "--top-k", "5")
    (found,) = [each for each in answered.json["answers"] if each["asked"] == "results' folder"]
    assert (found["answer"], says in found["says"]) == (answer, True), found
    assert answered.code == (3 if answer == "no" else answered.code)
    assert ("symbolon operator results clear" in found.get("fix", "")) == (answer != "yes")
