"""Who a command is in front of Google: the credentials that Google's libraries find, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attestation.errors import Misconfigured, SymbolonError

if TYPE_CHECKING:
    from deploy.google_api import GoogleApi


def sign_in() -> GoogleApi:
    """Google's APIs, as the person or the machine reaches them whose credentials are found.

    Raises:
        Misconfigured: there are none, or they are not to be read.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    from deploy.confidential_vm import CLOUD_PLATFORM
    from deploy.google_api import GoogleApi

    try:
        credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
    except DefaultCredentialsError:
        raise Misconfigured(
            "there are no Google credentials that can be used",
            hint="gcloud auth application-default login; in front of the emulator: "
            'eval "$(symbolon emulator env owner)"',
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
