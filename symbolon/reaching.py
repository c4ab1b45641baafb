"""How a command reaches Google: as whoever this shell is logged in as."""

from __future__ import annotations

from attestation.errors import Misconfigured
from deploy.google_api import GoogleApi

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


def open_api(party: str, *, scope: str = CLOUD_PLATFORM) -> GoogleApi:
    """Google's APIs, by the application default credentials; `party` is who acts, for the hint.

    Raises:
        Misconfigured: there are none.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        credentials, _ = google.auth.default(scopes=[scope])
    except DefaultCredentialsError:
        raise Misconfigured(
            "there are no Google credentials to act with",
            hint="run `gcloud auth application-default login`, or, for the emulator,"
            f' `eval "$(symbolon emulator env {party})"`',
        ) from None
    return GoogleApi(credentials)
