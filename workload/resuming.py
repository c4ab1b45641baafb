"""What an earlier start of the same job has left in its folder, as far as it proves itself.

The folder is the operator's, so whatever lies there is somebody's claim until its token says that this very
image wrote it (`workload.part_tokens`). What does not prove itself is never mended and never overwritten: the
start ends, names it, and says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attestation.errors import EvidenceRejected, Misconfigured, Unavailable, quoted
from contract.job import CLEAR, JobRecord, job_nonce, parse_job
from contract.job import NAME as JOB
from contract.parts import Part, count_parts, parse_part, parse_part_name, part_name, part_range
from contract.receipt import AUDIENCE as RECEIPTS
from contract.receipt import ReceiptFormatUnknown, nonce_of, parse_receipt, parse_statement
from contract.request import Job
from contract.results import CODELAB_NAME, RECEIPT_NAME, Row, parse_row

from .part_tokens import Machine
from .results import ResultFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJob:
    """A job that an earlier start has begun, which proves itself, and the parts that lie there by name."""

    record: JobRecord
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedPart:
    """A part that this very image has written, and its rows."""

    part: Part
    rows: tuple[Row, ...]


def find_job(folder: ResultFolder, asked: Job, machine: Machine) -> FoundJob | None:
    """The job that an earlier start has begun in the folder, which is the one that is asked for; or None.

    Raises:
        Misconfigured: results of something else are there: of another request, another image, an older
            version, or nobody knows of what; or see `storage_failures`.
        Denied, Unavailable: see `storage_failures`.
    """
    names = folder.results()
    found = folder.read(JOB)
    hint = CLEAR.format(folder=folder.uri)
    if found is None:
        if names:
            raise Misconfigured(
                f"RESULT_URI `{folder.uri}` holds {_listed(names)} without a `{JOB}`: another program's,"
                " or an older version's",
                hint=hint,
            )
        return None
    job, token = parse_job(found[0], folder=folder.uri)
    holds = f"RESULT_URI `{folder.uri}` holds {_listed([JOB, *names])} of job `{job.digest[:19]}…`"
    if job.image_digest != machine.image_digest:
        raise Misconfigured(f"{holds}, which another image began, `{job.image_digest[:19]}…`", hint=hint)
    try:
        machine.verify(token, job_nonce(job.digest))
    except EvidenceRejected as rejected:
        raise _unproved(JOB, folder, rejected) from None
    if job.result != asked.result:
        copied_from = quoted(str(job.result), most_characters=200)
        raise Misconfigured(f"{holds}, which was asked for with RESULT_URI {copied_from}", hint=hint)
    if (job.input, job.top_k) != (asked.input, asked.top_k):
        raise Misconfigured(
            f"{holds}, which was asked for with INPUT_URI {quoted(str(job.input), most_characters=200)} and"
            f" TOP_K {job.top_k}",
            hint=hint,
        )
    if RECEIPT_NAME in names and CODELAB_NAME not in names:
        raise Misconfigured(f"{holds}, which was finished, and whose `{CODELAB_NAME}` is gone", hint=hint)
    indices = (parse_part_name(name) for name in names)
    return FoundJob(record=job, parts=tuple(sorted(index for index in indices if index is not None)))


def proved_parts(folder: ResultFolder, found: FoundJob, machine: Machine) -> Iterator[ProvedPart]:
    """The parts of the job that are in the folder, one by one, each of which proves itself.

    Raises:
        Misconfigured: one does not; the message names it. Or see `storage_failures`.
        Unavailable: one was deleted just now; or see `storage_failures`.
        Denied: see `storage_failures`.
    """
    for index in found.parts:
        name = part_name(index)
        read = folder.read(name)
        if read is None:
            raise Unavailable(
                f"`{name}` in RESULT_URI `{folder.uri}` was deleted while the job began",
                hint="start the job again: it makes that part anew",
            )
        part = parse_part(read[0], where=name, hint=CLEAR.format(folder=folder.uri))
        try:
            rows = _check_part(part, index, found.record)
            machine.verify(part.token, part.nonce)
        except EvidenceRejected as rejected:
            raise _unproved(name, folder, rejected) from None
        yield ProvedPart(part=part, rows=rows)


def has_proved_receipt(folder: ResultFolder, job: JobRecord, machine: Machine) -> bool:
    """The receipt of the job is in the folder, and proves itself.

    Raises:
        Misconfigured: what lies there in its place does not. Or see `storage_failures`.
        Denied, Unavailable: see `storage_failures`.
    """
    found = folder.read(RECEIPT_NAME)
    if found is None:
        return False
    try:
        envelope = parse_receipt(found[0])
        machine.verify(envelope.token, nonce_of(envelope.payload), audience=RECEIPTS)
        sealed = parse_statement(envelope.payload).job_digest
        if sealed != job.digest:
            raise EvidenceRejected(f"it is of job `{sealed[:19]}…`")
    except (EvidenceRejected, ReceiptFormatUnknown) as why:
        raise _unproved(RECEIPT_NAME, folder, why) from None
    return True


def _check_part(part: Part, index: int, job: JobRecord) -> tuple[Row, ...]:
    """The rows of the part, which are those of its pictures."""
    if index >= count_parts(len(job.pictures)):
        raise EvidenceRejected(f"the job has {count_parts(len(job.pictures))} parts")
    if part.index != index:
        raise EvidenceRejected(f"it says that it is part {part.index}")
    if part.job != job.digest:
        raise EvidenceRejected(f"it is of job `{part.job[:19]}…`")
    listed = [job.pictures[position] for position in part_range(index, len(job.pictures))]
    expected = [(picture.name, picture.generation) for picture in listed]
    try:
        rows = tuple(parse_row(line.decode()) for line in part.rows)
    except (UnicodeDecodeError, Misconfigured):
        raise EvidenceRejected("a line of it is no row") from None
    if expected != [(leaf.name, leaf.generation) for leaf in part.inputs] or expected != [
        (row.picture, row.generation) for row in rows
    ]:
        raise EvidenceRejected("its rows are not those of the pictures that were listed")
    return rows


def _unproved(name: str, folder: ResultFolder, why: EvidenceRejected | ReceiptFormatUnknown) -> Misconfigured:
    return Misconfigured(
        f"`{name}` in RESULT_URI `{folder.uri}` does not prove itself: {why.message}",
        hint=CLEAR.format(folder=folder.uri),
    )


def _listed(names: Sequence[str]) -> str:
    parts = [name for name in names if parse_part_name(name) is not None]
    said = [f"`{name}`" for name in names if name not in parts]
    if parts:
        said.append(f"{len(parts)} part{'s' if len(parts) > 1 else ''}")
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
