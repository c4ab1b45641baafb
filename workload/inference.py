"""The job, step by step: from an operator's pictures and an owner's model to the operator's results.

This is the list of the protocol's steps; everywhere else they are called by these names.
"""

from __future__ import annotations

import tempfile
from enum import StrEnum
from functools import partial
from pathlib import Path

from . import credentials, images, model, object_storage, preparing, results, runtimes
from .job import Job
from .labels import read_labels
from .pipeline import Stream
from .reporting import Progress, say
from .settings import choose_settings


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
    """The operator's images go through it."""
    WRITE = "write"
    """Results are in the operator's bucket."""
    SEAL = "seal"
    """A receipt binds image, model, inputs and results."""


def run(job: Job) -> None:
    """Each of the operator's images has its row in the operator's bucket.

    Raises:
        Misconfigured, EvidenceRejected, Denied, Unavailable: a step could not be taken. Rows
            that had been written by then stay.
    """
    terms = job.terms

    # What the operator brings comes first: an owner's model is not asked for in vain.
    operator = object_storage.open_client(credentials.operator_credential())
    results.claim_folder(operator, job.result)
    listed = images.list_images(operator, job.input, most=terms.egress.most_images)
    say(f"{len(listed)} images listed", images=len(listed))

    # Measure has been done before this program began: by the launcher, not by us.
    # Attest, Exchange and Impersonate are one call of google-auth, which asks the launcher for the token.
    _say(Step.ATTEST, "asking the owner's condition for admission")
    owner = object_storage.open_client(credentials.owner_credential(terms.credential))
    _say(Step.IMPERSONATE, "admitted")

    with tempfile.TemporaryDirectory(prefix="symbolon-", ignore_cleanup_errors=True) as scratch:
        archive, folder = Path(scratch, "archive"), Path(scratch, "model")

        _say(Step.FETCH, "fetching the model")
        found = model.fetch(owner, terms.model, archive)

        model.verify(found, terms.model)
        _say(Step.VERIFY, "the model is the one that this image was published for")

        _say(Step.LOAD, "loading the model")
        model.unpack(archive, folder, max_unpacked_bytes=terms.model.max_unpacked_bytes)
        loaded = runtimes.load(model.find_saved_model(folder), job)
        labels = read_labels(folder, terms.output.labels, classes=loaded.classes)

    _say(Step.INFER, f"running {len(listed)} images")
    progress, unreadable = Progress(len(listed)), 0
    with (
        Stream(
            listed,
            read=partial(images.read_image, operator, job.input.bucket),
            prepare=partial(preparing.prepare, terms=terms.input),
            settings=choose_settings(job),
        ) as stream,
        results.ResultWriter(operator, job.result, score_digits=terms.egress.score_digits) as writer,
    ):
        for row in stream.rows(loaded.classifier, labels=labels, batch_size=loaded.batch_size):
            writer.write(row)
            progress.advance()
            unreadable += row.error is not None
    _say(Step.WRITE, f"results are in `{job.result}`; images that could not be read: {unreadable}")

    # Seal comes here: a fresh token whose nonce is the receipt's digest.


def _say(step: Step, message: str) -> None:
    say(message, step=step.value)
