"""How the operator's commands reach Google: as whoever this shell is logged in as."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from attestation.errors import Denied, Misconfigured
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import GoogleApi
from deploy.resources import Grant, Project
from deploy.rights import grant_line


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


@contextmanager
def needing(role: str, project_id: str) -> Iterator[None]:
    """Within the block, whoever may not is told the role that would do, and the line that grants it."""
    try:
        yield
    except Denied as error:
        project = Project(project_id=project_id, number="")
        line = grant_line(Grant(on=project, role=role, member="user:YOU"))
        error.hint = f"is `{project_id}` the project that you mean? `{role}` on it would do: {line}"
        raise
