"""How a start of a job begins: its turn in the operator's folder, and the job that is there, or a new one.

The first start lists the pictures; every later one reads what was listed. `job.json` is written once there
is something to lose, after the model is loaded: whatever was refused before leaves nothing that a corrected
start would stumble on.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from google.cloud import storage

from attestation.digests import Digest
from contract.job import NAME, JobRecord, job_nonce, render_job
from contract.parts import count_parts
from contract.request import Job
from contract.results import ERROR_NAME

from . import reading, resuming
from .claiming import Turn
from .part_tokens import Machine
from .reporting import say
from .results import Account, ResultFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A job whose folder is this start's. `found` is what an earlier start has left, None where `job.json` is
    not written yet.
    """

    folder: ResultFolder
    record: JobRecord
    found: resuming.FoundJob | None

    @property
    def is_new(self) -> bool:
        return self.found is None

    @property
    def missing(self) -> list[int]:
        """The parts that no start has written."""
        there = () if self.found is None else self.found.parts
        return [index for index in range(count_parts(len(self.record.pictures))) if index not in set(there)]

    def write_record(self, turn: Turn, token: str) -> None:
        """`job.json` is in the folder; `token` is of `job_nonce`."""
        turn.check()
        self.folder.create(NAME, io.BytesIO(render_job(self.record, token=token)), "application/json")

    @property
    def nonce(self) -> str:
        """What the token in `job.json` has to say."""
        return job_nonce(self.record.digest)


def begin(operator: storage.Client, job: Job, terms_digest: Digest, turn: Turn, machine: Machine) -> Begun:
    """This start has its turn, knows which pictures there are, and nothing stands in its way.

    Raises:
        FolderTaken: another instance is at work in the folder.
        Misconfigured: it holds something else; there are no pictures, or too many.
        Denied, Unavailable: see `storage_failures`.
    """
    folder = ResultFolder(operator, job.result)
    turn.begin(folder, instance_id=machine.instance_id)
    folder.delete(ERROR_NAME)
    found = resuming.find_job(folder, job, machine)
    if found is not None:
        record = found.record
        say(
            f"going on with job {record.digest}: {len(record.pictures)} pictures were listed",
            job=record.digest,
        )
        return Begun(folder=folder, record=record, found=found)
    listing = reading.list_pictures(operator, job.input, most=job.terms.egress.most_images)
    record = JobRecord(
        image_digest=machine.image_digest,
        terms_digest=terms_digest,
        input=job.input,
        result=job.result,
        top_k=job.top_k,
        pictures=listing.pictures,
        left_out=listing.left_out,
    )
    say(
        f"{len(record.pictures)} pictures listed",
        pictures=len(record.pictures),
        left_out={"placeholders": record.left_out.placeholders, "other_names": record.left_out.other_names},
        job=record.digest,
    )
    return Begun(folder=folder, record=record, found=None)


def take_over(begun: Begun, account: Account, machine: Machine) -> None:
    """Every part that an earlier start has left is in `account`.

    Raises:
        Misconfigured: a part does not prove itself; or see `storage_failures`.
        Denied, Unavailable: see `storage_failures` and `resuming.proved_parts`.
    """
    if begun.found is None:
        return
    for proved in resuming.proved_parts(begun.folder, begun.found, machine):
        account.add(proved.part, proved.rows)
    say(f"{account.rows} of them are done already", taken_over=account.rows)


def is_finished(begun: Begun, machine: Machine) -> bool:
    """An earlier start has written the last object of the job as well.

    Raises:
        Misconfigured: what lies in its place does not prove itself; or see `storage_failures`.
        Denied, Unavailable: see `storage_failures`.
    """
    return not begun.is_new and resuming.has_proved_receipt(begun.folder, begun.record, machine)
