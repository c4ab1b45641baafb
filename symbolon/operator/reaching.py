"""How the operator's commands reach Google: as whoever this shell is logged in as."""

from __future__ import annotations

import logging

from attestation.errors import Misconfigured
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import GoogleApi


def open_api(scope: str = CLOUD_PLATFORM) -> GoogleApi:
    """Google's APIs, by the application default credentials.

    Raises:
        Misconfigured: there are none.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    # It warns of a project that nobody has named, which is never taken from the credentials here.
    logging.getLogger("google.auth._default").setLevel(logging.ERROR)
    try:
        credentials, _ = google.auth.default(scopes=[scope])
    except DefaultCredentialsError:
        raise Misconfigured(
            "there are no Google credentials to act with",
            hint="run `gcloud auth application-default login`, or, for the emulator,"
            ' `eval "$(symbolon emulator env operator)"`',
        ) from None
    return GoogleApi(credentials)
