"""Seal: what this program says of its run, under the platform's word for the image that it is.

The statement is `contract.receipt`'s, and the token that seals it is asked for it alone: its nonce is the
statement's digest. Nothing is read again for it: a part's leaves are known when it is written or taken over.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from attestation.digests import Digest, digest_of
from attestation.tokens import parse_token
from contract.receipt import (
    AUDIENCE,
    Released,
    Statement,
    Subject,
    nonce_of,
    render_receipt,
    render_statement,
)
from contract.request import Job
from contract.results import CODELAB_NAME, RECEIPT_NAME

from . import attesting
from .beginning import Begun
from .environment import CERTIFICATES, PROXIES
from .leaves import Leaves
from .part_tokens import Machine

_LIBRARIES = ("numpy", "pillow", "simplejpeg", "openvino", "tensorflow-cpu", "tensorflow")
"""The distributions that a picture's answer depends on; an image has those of one runtime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a job has come to, besides its leaves: `codelab_digest` is of the object `result`.

    `model_generation` is None where this start has fetched no model, `release` where no broker has released
    its key to this start; `began_at` is when it began, in seconds since the epoch.
    """

    unreadable: int
    codelab_digest: Digest
    model_generation: int | None
    began_at: float
    release: Released | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A receipt that is in the job's folder, and the digest of its statement."""

    digest: Digest
    receipt: bytes


def seal(
    job: Job, begun: Begun, machine: Machine, leaves: Leaves, done: Done, *, check: Callable[[], None]
) -> Sealed:
    """The receipt is in the job's folder, which is looked at (`check`) once there is a token.

    Raises:
        FolderTaken: another start has the folder by now.
        Misconfigured, Denied, EvidenceRejected, Unavailable: no token for it could be had, or it could not be
            written.
    """
    statement = _statement(job, begun, machine, leaves, done)
    payload = render_statement(statement)
    token = attesting.asked_again(AUDIENCE, nonces=[nonce_of(payload)])
    parse_token(token)
    receipt = render_receipt(payload, token).encode()
    check()
    begun.folder.create(RECEIPT_NAME, io.BytesIO(receipt), "application/json")
    return Sealed(digest=digest_of(payload), receipt=receipt)


def _statement(job: Job, begun: Begun, machine: Machine, leaves: Leaves, done: Done) -> Statement:
    record, terms = begun.record, job.terms
    rows, inputs = leaves.roots()
    proxy, private_ca = _network(os.environ)
    return Statement(
        mode="emulator" if machine.is_emulated else "production",
        image_digest=machine.image_digest,
        image_reference=machine.image_reference,
        model_uri=str(terms.model.uri),
        model_generation=terms.model.generation or done.model_generation,
        model_digest=terms.model.sha256,
        sealed_manifest=None if terms.release is None else terms.release.manifest,
        terms_digest=record.terms_digest,
        provider=terms.credential.audience,
        service_account=terms.credential.service_account,
        input_uri=str(record.input),
        result_uri=str(record.result),
        top_k=record.top_k,
        job_digest=record.digest,
        inputs=inputs,
        rows=rows,
        unreadable=done.unreadable,
        left_out={
            "placeholders": record.left_out.placeholders,
            "other_names": record.left_out.other_names,
        },
        began_at=int(done.began_at),
        ended_at=int(time.time()),
        libraries=_libraries(),
        proxy=proxy,
        private_ca=private_ca,
        release=done.release,
        subjects=(*leaves.subjects(), Subject(name=CODELAB_NAME, digest=done.codelab_digest)),
    )


def _libraries() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _network(environment: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether Google is reached by a proxy, and whether by other certificates than the public ones."""
    return any(map(environment.get, PROXIES)), any(map(environment.get, CERTIFICATES))
