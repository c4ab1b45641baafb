"""A job's folder as a person names it, `gs://bucket/folder` or a folder on this machine, to be read.

What lies there is the operator's, and is believed in nothing here.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, Protocol

from attestation.errors import Denied, Misconfigured, Unavailable, quoted
from contract.uris import FolderUri, parse_folder_uri

if TYPE_CHECKING:
    from google.cloud import storage

MOST_OBJECT_BYTES = 256 * 1024 * 1024
"""More than a part of 960 rows has with a thousand classes each, and far more than any receipt."""

_IN_MEMORY_BYTES = 16 * 1024 * 1024


class ResultFolder(Protocol):
    """The objects of ours in a job's folder, by their names in it."""

    def names(self) -> Iterable[str]:
        """The names of what is right in it."""

    def open(self, name: str) -> IO[bytes] | None:
        """The object, from its first byte; None where it is not there."""


class ResultTree(ResultFolder, Protocol):
    """A folder that is looked through with all that is below it."""

    def sizes(self, ending: str) -> dict[str, int]:
        """What is in it at any depth and has a name that ends so, in order of names; the bytes of each."""


def open_result_folder(name: str) -> ResultTree:
    """The folder that `name` says: `gs://…`, by the application default credentials, or a path.

    Raises:
        Misconfigured: it is neither, or there are no credentials.
    """
    if name.startswith("gs://"):
        return _InCloudStorage(parse_folder_uri(name, where="the folder"))
    folder = Path(name)
    if not folder.is_dir():
        raise Misconfigured(
            f"{quoted(name)} is no folder", hint="name the folder of the results, or `gs://bucket/folder`"
        )
    return _OnThisMachine(folder)


def read_object(folder: ResultFolder, name: str) -> bytes | None:
    """The object's bytes, at most `MOST_OBJECT_BYTES` of them; None where it is not there.

    Raises:
        Misconfigured: there are more; or it cannot be read.
        Denied, Unavailable: it cannot be read.
    """
    file = folder.open(name)
    if file is None:
        return None
    with file:
        data = file.read(MOST_OBJECT_BYTES + 1)
    if len(data) > MOST_OBJECT_BYTES:
        raise Misconfigured(f"{quoted(name)} is larger than any of ours", hint="is it the right folder?")
    return data


class _OnThisMachine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> Iterable[str]:
        try:
            return sorted(path.name for path in self._folder.iterdir())
        except OSError as error:
            _cannot_read("the folder", error)

    def sizes(self, ending: str) -> dict[str, int]:
        found = {}
        for folder, _, names in os.walk(self._folder, onerror=lambda error: _cannot_read("a folder", error)):
            for path in (Path(folder, name) for name in names if name.endswith(ending)):
                size = path.stat().st_size if path.is_file() else 0  # of what is none, `open` says so
                found[str(path.relative_to(self._folder))] = size
        return dict(sorted(found.items()))

    def open(self, name: str) -> IO[bytes] | None:
        try:
            file = open(self._folder / name, "rb", opener=_at_once)  # noqa: SIM115  the caller closes it
        except FileNotFoundError:
            return None
        except OSError as error:
            _cannot_read(quoted(name), error)
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise Misconfigured(f"{quoted(name)} is no file", hint="name a folder with files alone")
        return file


def _at_once(path: str, flags: int) -> int:
    """A pipe that nobody writes to is opened too, and waited for by nobody."""
    return os.open(path, flags | os.O_NONBLOCK)


def _cannot_read(what: str, error: OSError) -> NoReturn:
    raise Misconfigured(f"cannot read {what}: {(error.strerror or 'no reason given').lower()}") from None


class _InCloudStorage:
    def __init__(self, uri: FolderUri) -> None:
        self._uri = uri
        self._client = _client()

    def names(self) -> Iterable[str]:
        with _failures(self._uri):
            blobs = self._client.list_blobs(
                self._uri.bucket, prefix=self._uri.prefix, delimiter="/", fields="items(name),nextPageToken"
            )
            return [blob.name.removeprefix(self._uri.prefix) for blob in blobs]

    def sizes(self, ending: str) -> dict[str, int]:
        with _failures(self._uri):
            blobs = self._client.list_blobs(
                self._uri.bucket, prefix=self._uri.prefix, fields="items(name,size),nextPageToken"
            )
            return {
                blob.name.removeprefix(self._uri.prefix): blob.size
                for blob in blobs
                if blob.name.endswith(ending)
            }

    def open(self, name: str) -> IO[bytes] | None:
        from google.cloud.exceptions import NotFound

        blob = self._client.bucket(self._uri.bucket).blob(self._uri.prefix + name)
        with _failures(self._uri), ExitStack() as undone:
            file: IO[bytes] = undone.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES))
            try:
                blob.download_to_file(file)
            except NotFound:
                return None
            file.seek(0)
            undone.pop_all()
            return file


def _client() -> storage.Client:
    """Cloud Storage as whoever this shell is; no project is needed to read objects."""
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import storage

    # It warns of a project that nobody has named.
    logging.getLogger("google.auth._default").setLevel(logging.ERROR)
    try:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_only"])
        return storage.Client(project=None, credentials=credentials)
    except (DefaultCredentialsError, OSError):
        raise Misconfigured(
            "there are no Google credentials to read `gs://` with",
            hint="run `gcloud auth application-default login`, or name a folder on this machine",
        ) from None


@contextmanager
def _failures(uri: FolderUri) -> Iterator[None]:
    """Within the block, a failure of Cloud Storage is raised as one of ours."""
    import requests
    from google.api_core import exceptions as api
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except api.NotFound:
        raise Misconfigured(f"`{uri}` does not exist", hint="check the bucket's name") from None
    except (api.Forbidden, api.Unauthorized):
        raise Denied(
            f"`{uri}` may not be read", hint="grant `roles/storage.objectViewer` on the bucket"
        ) from None
    except (
        api.GoogleAPICallError,
        api.RetryError,
        requests.RequestException,
        GoogleAuthError,
        OSError,
    ) as why:
        if isinstance(why, OSError) and why.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # it is this machine's disk, which a large object has filled
        raise Unavailable(f"`{uri}` cannot be reached", hint="try again later") from None
