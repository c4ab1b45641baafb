"""Who a command is in front of Google: the credentials that Google's libraries find, and whose they are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attestation.errors import Misconfigured, SymbolonError

if TYPE_CHECKING:
    from deploy.google_api import GoogleApi


def sign_in(party: str, *, scope: str | None = None) -> GoogleApi:
    """Google's APIs, as the person or the machine reaches them whose credentials are found.

    `party` is who that is in front of an emulator. Without a `scope` it is all of Google Cloud.

    Raises:
        Misconfigured: there are none, or they are not to be read.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    from deploy.confidential_vm import CLOUD_PLATFORM
    from deploy.google_api import GoogleApi

    # It warns of a project that nobody has named, which is never taken from the credentials here.
    logging.getLogger("google.auth._default").setLevel(logging.ERROR)
    try:
        credentials, _ = google.auth.default(scopes=[scope or CLOUD_PLATFORM])
    except DefaultCredentialsError:
        raise Misconfigured(
            "there are no Google credentials to act with",
            hint="run `gcloud auth application-default login`, or, for the emulator,"
            f' `eval "$(symbolon emulator env {party})"`',
        ) from None
    return GoogleApi(credentials)


def member_of(api: GoogleApi) -> str:
    """The member that allow policies call whoever signed in; "" where neither they nor Google say.

    Google is asked by the access token, so a first call must have been made.
    """
    from deploy.google_api import OAUTH2

    for name, kind in (("service_account_email", "serviceAccount"), ("account", "user")):
        email = getattr(api.credentials, name, None)
        if isinstance(email, str) and "@" in email:
            return f"{kind}:{email}"
    try:
        said = api.send(
            "POST",
            f"{OAUTH2}/tokeninfo",
            doing="asking who you are",
            data={"access_token": api.credentials.token},
        ).json()
    except (SymbolonError, ValueError):
        return ""
    email = str(said.get("email", ""))
    kind = "serviceAccount" if email.endswith(".gserviceaccount.com") else "user"
    return f"{kind}:{email}" if "@" in email else ""
