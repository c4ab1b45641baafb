"""The owner's bucket, and what Cloud Storage and Google's authentication raise there, as errors to act on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

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

from attestation.errors import Denied, Misconfigured, Unavailable, quoted
from contract.terms import CredentialTerms, OwnerTerms
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import ConcurrentChange

TIMEOUT_S = 60
PATIENCE = DEFAULT_RETRY.with_timeout(20)
"""Two minutes are Google's own."""

_ROLE = "roles/storage.objectUser"
_WHO = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")
_PERMISSION = re.compile(r"storage\.[a-z]+\.[A-Za-z]+")
_PROJECT_OF_AUDIENCE = re.compile(r"//iam\.googleapis\.com/projects/([0-9]+)/")


def open_blob(terms: OwnerTerms) -> storage.Blob:
    """The object that the terms name, in a bucket that is the owner's as far as anybody says."""
    credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
    client = storage.Client(project="none", credentials=credentials)  # which no call here names
    bucket = client.bucket(terms.model.uri.bucket)
    try:
        bucket.reload(timeout=TIMEOUT_S, retry=PATIENCE)
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


@contextmanager
def failures(terms: OwnerTerms) -> Iterator[None]:
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
