"""The master key that the broker's settings name, open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from attestation.errors import Misconfigured
from contract.kms_keys import KmsKey, parse_kms_key

from ..settings import MasterSettings
from .by_file import FileWrapping, open_file
from .by_kms import KmsWrapping

_SCOPE = "https://www.googleapis.com/auth/cloudkms"


def open_master(
    folder: Path, settings: MasterSettings, passphrase: Callable[[], str]
) -> FileWrapping | KmsWrapping:
    """The master key; `passphrase` is asked where a file has it.

    Raises:
        PassphraseWrong: the passphrase does not open it.
        MasterKeyFormatUnknown, MasterKeyMalformed: the file is none.
        Misconfigured: the file cannot be read, or nobody is signed in to Google.
    """
    if settings.file is not None:
        return open_file(folder / settings.file, passphrase())
    return open_kms(parse_kms_key(str(settings.kms), where="master.kms"))


def open_kms(key: KmsKey) -> KmsWrapping:
    """That key, as whoever runs the broker may use it.

    Raises:
        Misconfigured: nobody is signed in to Google.
    """
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except GoogleAuthError:
        raise Misconfigured(
            "the master key is in Cloud KMS, and the broker has no credentials of Google's",
            hint="give it a service account: GOOGLE_APPLICATION_CREDENTIALS, or the machine's",
        ) from None
    return KmsWrapping(key, AuthorizedSession(credentials))  # type: ignore[no-untyped-call]
