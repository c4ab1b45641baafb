"""Cloud Storage by its own client, with failures in our families."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as api
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage

from attestation.errors import Denied, Misconfigured, Unavailable, quoted

# As many requests at a time as the client keeps connections for.
CONNECTIONS = 10


def open_client(credential: Credentials) -> storage.Client:
    """A client that speaks for `credential`; no project is needed to read and write objects."""
    return storage.Client(project=None, credentials=credential)


@contextmanager
def storage_failures(what: str) -> Iterator[None]:
    """Within the block, a failure of Cloud Storage is raised as one of ours; `what` was asked for.

    Raises:
        Misconfigured: there is no such bucket or object, or the request makes no sense.
        Denied: the credential may not do it.
        Unavailable: Cloud Storage did not answer, though the client asked again and again.
    """
    try:
        yield
    except api.NotFound:
        raise Misconfigured(f"{what} does not exist", hint="check the name, and where it was made") from None
    except (api.Forbidden, api.Unauthorized) as error:
        raise Denied(
            f"{what} is out of reach: {_words(error)}",
            hint="grant `roles/storage.objectViewer` to read, `roles/storage.objectUser` to write",
        ) from None
    except (api.ServerError, api.TooManyRequests, api.RetryError) as error:
        raise _unavailable(what) from error
    except (requests.RequestException, ConnectionError, GoogleAuthError) as error:
        raise _unavailable(what) from error
    except api.GoogleAPICallError as error:
        raise Misconfigured(
            f"{what} cannot be used: {_words(error)}",
            hint="check its name and settings",
        ) from None


def _words(error: api.GoogleAPICallError) -> str:
    """What Cloud Storage said, without the client's own wrapping of it."""
    try:
        words = str(error.response.json()["error"]["message"])
    except (AttributeError, ValueError, LookupError, TypeError):
        words = f"it answers {error.code}"
    return quoted(words, most_characters=300)


def _unavailable(what: str) -> Unavailable:
    return Unavailable(f"{what} cannot be reached", hint="start the job again once Cloud Storage answers")
