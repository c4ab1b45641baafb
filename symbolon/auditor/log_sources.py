"""Where a log is read from: a broker's server, by TLS with a pinned key, or a folder of the same files.

Nothing is believed of either. What they show is held against the log's signed root.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured, Unavailable, quoted

from ..broker_client import pinned_connection

_HTTPS: Final = "https://"
_HEADERS: Final = {"accept-encoding": "identity"}


class LogSource(Protocol):
    """The files of a log, by C2SP's paths."""

    def read(self, path: str, *, most_bytes: int) -> bytes | None:
        """What stands there; None where nothing does.

        Raises:
            EvidenceRejected: it is larger than that.
            Unavailable, Misconfigured: it cannot be read.
        """


@contextmanager
def open_log(name: str, *, pins: Sequence[Digest]) -> Iterator[LogSource]:
    """The log that `name` says: `https://…`, whose server has one of the pinned keys, or a folder.

    Raises:
        Misconfigured: it is neither, or no key is pinned for a server.
    """
    if not name.startswith(_HTTPS):
        folder = Path(name)
        if not folder.is_dir():
            raise Misconfigured(
                f"{quoted(name)} is no folder and no `https://…`",
                hint="name the broker's address, or a folder with `checkpoint` and `tile/` in it",
            )
        yield _Folder(folder)
        return
    if not pins:
        raise Misconfigured(
            "a broker's server is known by its pinned key alone, and none was named",
            hint="give --pin, as the owner's terms have it in `release.broker_pins`, or --terms",
        )
    connection = pinned_connection(name, pins)
    try:
        yield _Server(connection, urlsplit(name).path.rstrip("/"), name)
    finally:
        connection.close()


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str, *, most_bytes: int) -> bytes | None:
        try:
            with (self._folder / path).open("rb") as file:
                return _within(file.read(most_bytes + 1), path, most_bytes)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            reason = (error.strerror or "failed").lower()
            raise Misconfigured(
                f"cannot read {quoted(path)} of the log: {reason}", hint="look at the folder's permissions"
            ) from None


class _Server:
    """One connection, kept for all that is asked."""

    def __init__(self, connection: http.client.HTTPConnection, prefix: str, name: str) -> None:
        self._connection, self._prefix, self._name = connection, prefix, name

    def read(self, path: str, *, most_bytes: int) -> bytes | None:
        for again in (True, False):  # a connection that was kept may have been closed at the other end
            try:
                return self._ask(path, most_bytes)
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if not again:
                    raise Unavailable(
                        f"the log at {quoted(self._name)} does not answer",
                        hint="look at the address, and whether the broker runs",
                    ) from None
        raise AssertionError

    def _ask(self, path: str, most_bytes: int) -> bytes | None:
        self._connection.request("GET", f"{self._prefix}/{path}", headers=_HEADERS)
        response = self._connection.getresponse()
        if response.status == http.client.NOT_FOUND:
            response.read(most_bytes + 1)
            return None
        if response.status != http.client.OK:
            self._connection.close()
            raise Unavailable(
                f"the log at {quoted(self._name)} answers {response.status}", hint="try again later"
            )
        data = response.read(most_bytes + 1)
        if len(data) > most_bytes:
            self._connection.close()
        return _within(data, path, most_bytes)


def _within(data: bytes, path: str, most_bytes: int) -> bytes:
    if len(data) > most_bytes:
        raise EvidenceRejected(f"{quoted(path)} of the log is larger than {most_bytes} bytes")
    return data
