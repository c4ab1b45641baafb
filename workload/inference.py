"""The job, step by step: from an operator's pictures and an owner's model to the operator's results.

This is the list of the protocol's steps; everywhere else they are called by these names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import ModuleType
from typing import TypeVar

from google.cloud import storage

from attestation.digests import Digest
from attestation.errors import ExitCode
from contract.parts import part_range, rows_a_part
from contract.request import Job
from contract.results import render_timings

from . import credentials, object_storage, obtaining, part_tokens, reading, runtimes
from .beginning import Begun, begin, is_finished, take_over
from .beside import Beside
from .claiming import Turn
from .lease import Lease
from .part_tokens import Machine
from .pictures.preparing import prepare
from .pipeline import Stream
from .reporting import Progress, say
from .results import Account, PartWriter
from .scratch import scratch_folder
from .sealing import Done, seal
from .settings import Settings, agree_at_once, agree_batch_size, choose_settings
from .timings import Timings

T = TypeVar("T")


class Step(StrEnum):
    """What has to happen, in order, before an operator has results that anyone can check."""

    MEASURE = "measure"
    """The launcher pulls the image, checks the launch policy, and knows the manifest's digest."""
    ATTEST = "attest"
    """The verifier signs a token that says what runs here."""
    EXCHANGE = "exchange"
    """STS takes the token where the owner's mapping and condition admit it."""
    IMPERSONATE = "impersonate"
    """The federated credential becomes that of the owner's service account."""
    FETCH = "fetch"
    """The model's archive is streamed from the owner's bucket, at a pinned generation."""
    VERIFY = "verify"
    """Its SHA-256 is the one in the terms, which the image's digest measures."""
    LOAD = "load"
    """It is unpacked into memory, loaded, and its files are removed."""
    INFER = "infer"
    """The operator's pictures go through it."""
    WRITE = "write"
    """Results are in the operator's bucket."""
    SEAL = "seal"
    """A receipt binds image, model, inputs and results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    """A job that has begun, and what it is done with."""

    job: Job
    settings: Settings
    timings: Timings
    turn: Turn
    machine: Machine
    operator: storage.Client
    begun: Begun


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inferred:
    """Of which object the model was, and the lease that it was used under, which is not needed any more."""

    generation: int | None = None
    lease: Lease | None = None


def run(job: Job, terms_digest: Digest, timings: Timings, turn: Turn) -> ExitCode:
    """Each of the operator's pictures has its row in the operator's bucket; 3 where none could be read.

    What does not depend on one another runs side by side: the runtime is imported and the owner is asked
    for admission from the first moment on, and pictures are read and decoded from the listing on. Nobody
    waits for them where a step fails. What an earlier start of the same job has done is taken over.

    Raises:
        Misconfigured, EvidenceRejected, Denied, Unavailable: a step could not be taken. Parts that
            had been written by then stay, and the next start goes on from there.
    """
    settings = choose_settings(job)
    runtime = _beside(partial(runtimes.import_runtime, job.terms.runtime.name), timings, "import")

    # Measure has been done before this program began: by the launcher, not by us.
    # Attest, Exchange and Impersonate are one call of google-auth, which asks the launcher for the token.
    _say(Step.ATTEST, "asking the owner's condition for admission")
    admission = _beside(partial(obtaining.admission, job.terms, job.licence), timings, "admission")
    learned = _beside(part_tokens.learn_machine, timings, "machine")

    # What the operator brings is in order before the owner's model is fetched.
    with timings.span("list"):
        operator = object_storage.open_client(
            credentials.operator_credential(), connections=settings.connections
        )
        machine = learned.take()
        begun = begin(operator, job, terms_digest, turn, machine)
    with Account(score_digits=job.terms.egress.score_digits) as account:
        taking_over = _beside(partial(take_over, begun, account, machine), timings, "take_over")
        missing = begun.missing
        inferred = _Inferred()
        if not missing:
            taking_over.take()
            if is_finished(begun, machine):
                say("an earlier start has finished the job: nothing is left to do")
                return ExitCode.YES
        else:
            started = _Started(
                job=job,
                settings=settings,
                timings=timings,
                turn=turn,
                machine=machine,
                operator=operator,
                begun=begun,
            )
            inferred = _infer(started, missing, account, admission, runtime, taking_over)
        turn.check()
        codelab_digest = account.write_codelab_result(begun.folder, begun.record.left_out)
        unreadable = account.unreadable
        _say(Step.WRITE, f"results are in `{job.result}`; pictures that could not be read: {unreadable}")

        done = Done(
            unreadable=unreadable,
            codelab_digest=codelab_digest,
            model_generation=inferred.generation,
            began_at=time.time() - timings.so_far().whole_s,
            release=None if inferred.lease is None else inferred.lease.released,
        )
        with timings.span("seal"):
            sealed = seal(job, begun, machine, account.leaves, done, check=turn.check)
        _say(Step.SEAL, f"a receipt says what ran, on what, and what came of it: `{sealed.digest}`")
        if inferred.lease is not None:
            with timings.span("report"):
                inferred.lease.report(sealed.receipt)
    say("timings", **render_timings(timings.so_far()))
    if unreadable == account.rows:
        say("not one picture could be read", severity="WARNING", exit_code=int(ExitCode.ANSWERED_NO))
        return ExitCode.ANSWERED_NO
    return ExitCode.YES


def _infer(
    started: _Started,
    missing: Sequence[int],
    account: Account,
    admission: Beside[obtaining.Access],
    runtime: Beside[ModuleType],
    taking_over: Beside[None],
) -> _Inferred:
    """From *Impersonate* to *Infer*: every part that is missing is written, and in `account`.

    Whatever lies in the folder has proved itself before the first row is written.
    """
    job, settings, timings, record = started.job, started.settings, started.timings, started.begun.record
    places = [place for index in missing for place in part_range(index, len(record.pictures))]
    pictures = [record.pictures[place] for place in places]
    digests: dict[str, str] = {}
    token = _beside(partial(started.machine.ask, started.begun.nonce), timings, "token")

    with Stream(
        pictures,
        read=partial(
            reading.read_picture,
            started.operator,
            job.input.bucket,
            note=lambda picture, sha256: digests.update({picture.name: sha256}),
        ),
        prepare=partial(prepare, terms=job.terms.input),
        settings=settings,
        rows_a_part=rows_a_part(len(record.pictures)),
    ) as stream:
        access = admission.take()
        _say(Step.IMPERSONATE, "admitted")
        is_counted = job.licence is not None
        if is_counted:  # a run is counted for what can go on alone
            taking_over.take()

        with scratch_folder() as scratch:
            _say(Step.FETCH, "fetching the model")
            fetched = obtaining.fetch(access, job.terms, scratch, timings, pictures=len(pictures))
            del access  # nobody reads with the owner's token, or asks for a key, from here on
            may_use = _nothing if fetched.lease is None else fetched.lease.check

            verified = obtaining.verify(fetched, job.terms.model)
            _say(Step.VERIFY, "the model is the one that this image was published for")

            _say(Step.LOAD, "loading the model")
            obtained = obtaining.load(verified, job, timings, runtime=runtime.take)

        if not is_counted:
            taking_over.take()
        if started.begun.is_new:
            started.begun.write_record(started.turn, token.take())
        _say(Step.INFER, f"running {len(pictures)} pictures")
        model, labels = obtained.model, obtained.labels
        at_once = agree_at_once(settings, saved_for=model.batch_size, at_once=model.at_once)
        batch_size = agree_batch_size(
            job,
            settings,
            saved_for=model.batch_size,
            preferred=model.preferred_batch_size,
            at_once=at_once,
        )
        rows = stream.rows(
            model.classifier, labels=labels, batch_size=batch_size, at_once=at_once, check=may_use
        )
        writer = PartWriter(
            started.begun.folder,
            record,
            account,
            missing=missing,
            ask=started.machine.ask,
            check=started.turn.check,
        )
        progress = Progress(len(pictures))
        with timings.span("write"), timings.span("infer"):
            for row in rows:
                timings.moment("first_row")
                writer.write(row, sha256=digests.pop(row.picture, None))
                progress.advance()
    if fetched.lease is not None:
        fetched.lease.end()
    return _Inferred(generation=fetched.generation, lease=fetched.lease)


def _nothing() -> None:
    """Nobody has granted a lease that could end."""


def _beside(task: Callable[[], T], timings: Timings, step: str) -> Beside[T]:
    def timed() -> T:
        with timings.span(step):
            return task()

    return Beside(timed, name=step)


def _say(step: Step, message: str) -> None:
    say(message, step=step.value)
