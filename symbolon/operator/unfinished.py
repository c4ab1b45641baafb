"""Whether the results' folder is one that the job can go on in, by what an earlier one has left there."""

from __future__ import annotations

from attestation.digests import Digest
from attestation.errors import Denied, Misconfigured
from contract.job import NAME as JOB_NAME
from contract.job import JobRecord, parse_job
from contract.results import LAST_NAME, is_ours

from ..result_folders import open_result_folder, read_object
from .answers import Answer
from .launch_file import Wanted

_ASKED = "results' folder"


def check_results(wanted: Wanted, image: Digest) -> Answer:
    """What the job will do there, as `workload.resuming` does: begin, go on, find nothing to do, or refuse.

    Raises:
        Unavailable: the folder cannot be reached.
    """
    try:
        folder = open_result_folder(str(wanted.results))
        names = [name for name in folder.names() if is_ours(name)]
        data = read_object(folder, JOB_NAME)
        job = None if data is None else parse_job(data, folder=wanted.results)[0]
    except Denied as error:
        return Answer(asked=_ASKED, standing="unknown", says=error.message)
    except Misconfigured as error:
        return Answer(asked=_ASKED, standing="no", says=error.message, fix=f"operator: {error.hint}")
    if job is None:
        return _without_a_job(wanted, names)
    if (other := _other(job, wanted, image)) is not None:
        return _refused(wanted, other)
    if LAST_NAME in names:
        return Answer(
            asked=_ASKED,
            standing="warning",
            says=f"the job in `{wanted.results}` is finished: this launch would find nothing left to do",
            fix=f"operator: another folder; or `symbolon operator results clear {wanted.results}`",
        )
    return Answer(asked=_ASKED, standing="yes", says=f"the job in `{wanted.results}` goes on where it was")


def _without_a_job(wanted: Wanted, names: list[str]) -> Answer:
    if any(name.startswith("result") for name in names):
        return _refused(wanted, f"`{wanted.results}` holds results without a `{JOB_NAME}`")
    return Answer(asked=_ASKED, standing="yes", says=f"nothing of a job is in `{wanted.results}`")


def _other(job: JobRecord, wanted: Wanted, image: Digest) -> str | None:
    """How the job that is there differs from the one that is wanted; None where it is the same."""
    asked = wanted.vm.environment.get("TOP_K")
    if job.image_digest != image:
        return f"another image began the job in `{wanted.results}`: `{job.image_digest}`"
    if job.input != wanted.input:
        return f"the job in `{wanted.results}` is of other pictures: `{job.input}`"
    if asked is not None and str(job.top_k) != asked:
        return f"the job in `{wanted.results}` was asked for {job.top_k} classes a picture"
    return None


def _refused(wanted: Wanted, says: str) -> Answer:
    return Answer(
        asked=_ASKED,
        standing="no",
        says=says,
        fix=f"operator: another --results; or `symbolon operator results clear {wanted.results}`",
    )
