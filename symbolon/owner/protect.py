"""What `symbolon owner protect` does: the model lies in the owner's bucket, once, and the terms pin it.

    look at the bucket → nothing, create or replace → upload under `if_generation_match` → pin in `terms.toml`

A second run finds nothing to do. One that was stopped between upload and pinning finds its object by size and
CRC32C, and pins it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import google.auth
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPIError,
    NotFound,
    PreconditionFailed,
    Unauthorized,
)
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.exceptions import RequestException

from attestation.errors import Denied, ExitCode, Misconfigured, Unavailable, quoted
from contract.terms import CredentialTerms, OwnerTerms
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import ConcurrentChange

from .. import whole_files
from ..inputs import read_text
from ..rendering import columns, console, print_json, printable_lines
from ..steps import Steps
from . import workplace
from .packing import Measured, measure
from .uploading import upload
from .workplace import Workplace, open_workplace

_ROLE = "roles/storage.objectUser"
_TIMEOUT_S = 60
_PATIENCE = DEFAULT_RETRY.with_timeout(20)  # two minutes are Google's own
_WHO = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")
_PERMISSION = re.compile(r"storage\.[a-z]+\.[A-Za-z]+")
_PROJECT_OF_AUDIENCE = re.compile(r"//iam\.googleapis\.com/projects/([0-9]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What has to be done: `replaces` is the generation that is there, 0 for none; None is no upload.

    `pins`: the generation that the terms are to have, where it is known already.
    """

    replaces: int | None
    pins: int | None
    is_pinned: bool

    @property
    def is_done(self) -> bool:
        return self.replaces is None and self.is_pinned


def protect(folder: Path, *, plan: bool, output: str, steps: Steps) -> ExitCode:
    """The bucket has the archive, and the terms its digest and generation; or, of a `plan`, what that takes.

    Raises:
        Misconfigured: there is no such bucket, it is another project's, or there are no credentials.
        Denied: a role is missing; the message says which permission, the hint has the line that grants it.
        ConcurrentChange: somebody else wrote the object meanwhile.
        Unavailable: Cloud Storage cannot be reached.
    """
    place = open_workplace(folder)
    steps.begin("reading the model")
    measured = measure(place.packing, note=lambda size: steps.show(f"{size / 1e6:,.0f} MB"))
    steps.begin("looking at the bucket")
    with _failures(place.terms):
        blob = _blob(place.terms)
        planned = _plan(place.terms, measured, blob)
    generation = planned.pins
    if not plan and planned.replaces is not None:
        steps.begin(f"uploading {measured.size / 1e6:,.0f} MB,")
        with _failures(place.terms):
            generation = _upload(place, measured, blob, planned.replaces, steps)
    if not plan and not planned.is_done and generation is not None:
        _pin(place, measured, generation)
    steps.pause()
    return _tell(place, measured, planned, generation, done=not plan, output=output)


def _blob(terms: OwnerTerms) -> storage.Blob:
    """The object that the terms name, in a bucket that is the owner's as far as anybody says."""
    credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
    client = storage.Client(project="none", credentials=credentials)  # which no call here names
    bucket = client.bucket(terms.model.uri.bucket)
    try:
        bucket.reload(timeout=_TIMEOUT_S, retry=_PATIENCE)
    except Forbidden:
        return bucket.blob(terms.model.uri.name)  # who may write objects need not see the bucket
    number = _project_of(terms.credential)
    if str(bucket.project_number) != number:
        raise Misconfigured(
            f"the bucket {quoted(bucket.name)} belongs to project {bucket.project_number}, and the terms name"
            f" project {number}",
            hint="names of buckets are global: name one of your own in `model.uri`",
        )
    return bucket.blob(terms.model.uri.name)


def _project_of(credential: CredentialTerms) -> str:
    match = _PROJECT_OF_AUDIENCE.match(credential.audience)
    assert match is not None  # noqa: S101  the terms were read
    return match[1]


def _plan(terms: OwnerTerms, measured: Measured, blob: storage.Blob) -> Plan:
    """From what is there; `blob` has its generation afterwards."""
    try:
        blob.reload(timeout=_TIMEOUT_S, retry=_PATIENCE)
    except NotFound:
        return Plan(replaces=0, pins=None, is_pinned=False)
    generation = int(blob.generation)
    if (blob.size, blob.crc32c) != (measured.size, measured.crc32c):
        return Plan(replaces=generation, pins=None, is_pinned=False)
    is_pinned = (terms.model.sha256, terms.model.generation) == (measured.digest, generation)
    return Plan(replaces=None, pins=generation, is_pinned=is_pinned)


def _upload(place: Workplace, measured: Measured, blob: storage.Blob, replaces: int, steps: Steps) -> int:
    """The generation that the archive has become."""
    upload(
        blob,
        place.packing,
        size=measured.size,
        if_generation_match=replaces,
        note=lambda size: steps.show(f"{100 * size // measured.size} %"),
    )
    if (blob.size, blob.crc32c) != (measured.size, measured.crc32c):
        raise Misconfigured(
            "the model changed while it was uploaded, and nothing is pinned",
            hint="pack a model that nobody writes: run it again",
        )
    return int(blob.generation)


def _pin(place: Workplace, measured: Measured, generation: int) -> None:
    text = read_text(str(place.folder / workplace.TERMS), what="terms")
    pinned = workplace.pinned(text, sha256=measured.digest, generation=generation)
    whole_files.write(place.folder, {workplace.TERMS: pinned})


def _tell(
    place: Workplace, measured: Measured, plan: Plan, generation: int | None, *, done: bool, output: str
) -> ExitCode:
    uri = str(place.terms.model.uri)
    action = "keep" if plan.replaces is None else "create" if plan.replaces == 0 else "replace"
    if output == "json":
        print_json(
            {
                "object": {
                    "action": action,
                    "uri": uri,
                    "size": measured.size,
                    "replaces": plan.replaces or None,
                },
                "terms": {
                    "action": "keep" if plan.is_pinned else "change",
                    "sha256": measured.digest,
                    "generation": generation,
                },
                "done": done,
            }
        )
        return ExitCode.YES
    was = place.terms.model
    rows = [(action, f"{uri}, {measured.size / 1e6:,.1f} MB")]
    if plan.replaces:
        rows.append(
            ("", f"generation {plan.replaces} is replaced, and stays where the bucket keeps versions")
        )
    pins = "the generation that it gets" if generation is None else str(generation)
    if plan.is_pinned:
        rows.append(("keep", f"{workplace.TERMS}: {measured.digest}, generation {pins}"))
    else:
        if was.sha256 != measured.digest:
            rows.append(("change", f"{workplace.TERMS}: sha256, {was.sha256} → {measured.digest}"))
        rows.append(("change", f"{workplace.TERMS}: generation, {was.generation or 'none'} → {pins}"))
    terminal = console()
    terminal.print(printable_lines(columns(rows)))
    if plan.is_done:
        terminal.print("nothing to do: the model is there, and pinned")
    elif not done:
        terminal.print("nothing was done: this is the plan")
    return ExitCode.YES


@contextmanager
def _failures(terms: OwnerTerms) -> Iterator[None]:
    """What Cloud Storage and Google's authentication raise, as errors that a person can act on."""
    bucket, uri = terms.model.uri.bucket, terms.model.uri
    try:
        yield
    except DefaultCredentialsError:
        raise Misconfigured(
            "there are no Google credentials to reach `gs://` with",
            hint="run `gcloud auth application-default login`, or be the emulator's: `symbolon emulator env`",
        ) from None
    except TransportError:
        raise _unreachable() from None
    except GoogleAuthError as error:
        raise Denied(
            f"google refused the credentials: {quoted(str(error.args[0]) if error.args else '')}",
            hint="sign in again: gcloud auth application-default login",
        ) from None
    except Unauthorized:
        raise Denied(
            "google does not know who is asking", hint="sign in again: gcloud auth application-default login"
        ) from None
    except Forbidden as error:
        raise _forbidden(bucket, error) from None
    except NotFound:
        raise Misconfigured(
            f"there is no bucket {quoted(bucket)}",
            hint="create it: symbolon owner provision, or name another in `model.uri`",
        ) from None
    except PreconditionFailed:
        raise ConcurrentChange(
            f"somebody wrote `{uri}` while it was uploaded, and nothing of theirs was changed",
            hint="look who did, then run it again",
        ) from None
    except (GoogleAPIError, RequestException) as error:
        code = getattr(error, "code", None)
        if code is not None and 400 <= int(code) < 500 and int(code) != 429:
            raise Misconfigured(
                f"google answered with {int(code)}: {quoted(str(getattr(error, 'message', '')))}"
            ) from None
        raise _unreachable() from None


def _unreachable() -> Unavailable:
    return Unavailable("cloud storage could not be reached", hint="look at the network, then try again")


def _forbidden(bucket: str, error: Forbidden) -> Denied:
    """Who lacks which permission, by Google's own words, and the line that grants a role with it."""
    words = " ".join(str(part.get("message", "")) for part in error.errors) or str(error.message)
    who, permission = _WHO.search(words), _PERMISSION.search(words)
    email = who[0] if who else "YOU"
    kind = "serviceAccount" if email.endswith(".gserviceaccount.com") else "user"
    lacks = quoted(permission[0] if permission else "403")
    return Denied(
        f"{quoted(email)} may not use the bucket {quoted(bucket)}: {lacks} is missing, or it is another's",
        hint="its owner grants it: gcloud storage buckets add-iam-policy-binding"
        f" gs://{bucket} --member={kind}:{email} --role={_ROLE}",
    )
