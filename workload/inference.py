"""The job, step by step: from an operator's pictures and an owner's model to the operator's results.

This is the list of the protocol's steps; everywhere else they are called by these names.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from enum import StrEnum
from functools import partial
from typing import TypeVar

from contract.request import Job
from contract.results import render_timings

from . import credentials, object_storage, obtaining, reading, results, runtimes
from .pictures.preparing import prepare
from .pipeline import Stream
from .reporting import Progress, say
from .settings import agree_at_once, agree_batch_size, choose_settings
from .stages.outcome import HEARS_SIGNALS_EVERY_S
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


def run(job: Job, timings: Timings) -> None:
    """Each of the operator's pictures has its row in the operator's bucket.

    What does not depend on one another runs side by side: the runtime is imported and the owner is asked
    for admission from the first moment on, and pictures are read and decoded from the listing on. Nobody
    waits for them where a step fails.

    Raises:
        Misconfigured, EvidenceRejected, Denied, Unavailable: a step could not be taken. Rows
            that had been written by then stay.
    """
    terms, settings = job.terms, choose_settings(job)
    runtime = _beside(partial(runtimes.import_runtime, terms.runtime.name), timings, "import")

    # Measure has been done before this program began: by the launcher, not by us.
    # Attest, Exchange and Impersonate are one call of google-auth, which asks the launcher for the token.
    _say(Step.ATTEST, "asking the owner's condition for admission")
    admission = _beside(partial(obtaining.admission, terms.credential), timings, "admission")

    # What the operator brings is in order before the owner's model is fetched.
    with timings.span("list"):
        operator = object_storage.open_client(
            credentials.operator_credential(), connections=settings.connections
        )
        results.claim_folder(operator, job.result)
        listing = reading.list_pictures(operator, job.input, most=terms.egress.most_images)
    listed = listing.pictures
    say(f"{len(listed)} images listed", images=len(listed), left_out=listing.left_out)

    with Stream(
        listed,
        read=partial(reading.read_picture, operator, job.input.bucket),
        prepare=partial(prepare, terms=terms.input),
        settings=settings,
    ) as stream:
        owner = _result(admission)
        _say(Step.IMPERSONATE, "admitted")

        with obtaining.scratch() as scratch:
            _say(Step.FETCH, "fetching the model")
            fetched = obtaining.fetch(owner, terms.model, scratch, timings)

            verified = obtaining.verify(fetched, terms.model)
            _say(Step.VERIFY, "the model is the one that this image was published for")

            _say(Step.LOAD, "loading the model")
            obtained = obtaining.load(verified, job, timings, runtime=partial(_result, runtime))

        _say(Step.INFER, f"running {len(listed)} images")
        model, labels = obtained.model, obtained.labels
        at_once = agree_at_once(settings, insisted=model.batch_size, at_once=model.at_once)
        batch_size = agree_batch_size(
            job,
            settings,
            insisted=model.batch_size,
            preferred=model.preferred_batch_size,
            at_once=at_once,
        )
        rows = stream.rows(model.classifier, labels=labels, batch_size=batch_size, at_once=at_once)
        progress, unreadable = Progress(len(listed)), 0
        with (
            timings.span("write"),
            results.ResultWriter(operator, job.result, score_digits=terms.egress.score_digits) as writer,
            timings.span("infer"),
        ):
            for row in rows:
                timings.moment("first_row")
                writer.write(row)
                progress.advance()
                unreadable += row.error is not None
    _say(Step.WRITE, f"results are in `{job.result}`; images that could not be read: {unreadable}")
    say("timings", **render_timings(timings.so_far()))

    # Seal comes here: a fresh token whose nonce is the receipt's digest.


def _beside(task: Callable[[], T], timings: Timings, step: str) -> Future[T]:
    """`task` runs in a thread of its own; how it fails is told to whoever asks for its result."""

    def timed() -> T:
        with timings.span(step):
            return task()

    return ThreadPoolExecutor(1, thread_name_prefix=step).submit(timed)


def _result(beside: Future[T]) -> T:
    while not wait([beside], timeout=HEARS_SIGNALS_EVERY_S).done:
        pass
    return beside.result()


def _say(step: Step, message: str) -> None:
    say(message, step=step.value)
