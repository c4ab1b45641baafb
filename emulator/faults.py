"""Faults that a test or a person switches on while the emulator runs: `DIR/faults.json`, read at each use.

`FaultMiddleware` plays those that show on the wire, so no service knows of them. The rest are
questions that their service asks at the moment it matters, with the state folder in hand:

- verifier: `read_faults(state.folder).clock_skew_s` is added to the clock of every token it
  mints; `.expired_tokens` makes each of them an hour and more too old;
- launcher: `take_fault(state.folder, "killed_workloads")` is true when this workload is to be
  killed (SIGKILL) shortly after it started.

A test switches them with `write_faults(folder, Faults(sts_unavailable=2))`, and off with `Faults()`.
A field that counts is used up: each use takes one from it, in the file too.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Literal

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attestation.errors import Misconfigured

from .errors import GoogleError, render_google_error
from .state import write_atomically

Counted = Literal["sts_unavailable", "cut_downloads", "corrupted_downloads", "killed_workloads"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is wrong with the platform now; the defaults are a platform in order."""

    sts_unavailable: int = 0
    """So many token exchanges are answered with 503."""
    cut_downloads: int = 0
    """So many media downloads end, without a word, after half of their bytes."""
    corrupted_downloads: int = 0
    """So many media downloads have the last bit of their last byte flipped."""
    killed_workloads: int = 0
    """So many workloads are killed while they run."""
    download_bytes_per_s: int = 0
    """Every media download is slowed to this rate; 0 is full speed."""
    storage_latency_ms: int = 0
    """Every request to Cloud Storage waits so long before it is answered."""
    clock_skew_s: int = 0
    """The verifier's clock is ahead by so much (behind, where negative)."""
    expired_tokens: bool = False
    """Every attestation token is expired when it is minted."""


def read_faults(folder: Path) -> Faults:
    """The faults that are on now.

    Raises:
        Misconfigured: the file names a fault that does not exist, or gives one the wrong type.
    """
    file = f"{folder}/faults.json"
    try:
        found = os.stat(file)  # noqa: PTH116  every request asks: a Path costs as much again
    except FileNotFoundError:
        return Faults()
    return _read(file, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1)
def _read(file: str, *_written: int) -> Faults:
    """What the file says; it is read again once it was written to."""
    try:
        document = json.loads(Path(file).read_bytes())
    except FileNotFoundError:
        return Faults()
    except ValueError:
        raise Misconfigured("`faults.json` is not JSON") from None
    return parse_faults(document)


def parse_faults(document: object) -> Faults:
    """The faults of a JSON object.

    >>> parse_faults({"sts_unavailable": 2}).sts_unavailable
    2

    Raises:
        Misconfigured: as `read_faults` does.
    """
    if not isinstance(document, dict):
        raise Misconfigured("faults are not a JSON object")
    defaults = asdict(Faults())
    for name, value in document.items():
        if name not in defaults:
            known = ", ".join(field.name for field in fields(Faults))
            raise Misconfigured(f"`{name[:40]}` is not a fault", hint=f"there are: {known}")
        if type(value) is not type(defaults[name]):
            kind = "true or false" if isinstance(defaults[name], bool) else "a whole number"
            raise Misconfigured(f"fault `{name}` takes {kind}")
    return Faults(**document)


def write_faults(folder: Path, faults: Faults) -> None:
    """These faults, and no others, are on."""
    write_atomically(folder / "faults.json", json.dumps(asdict(faults), indent=1).encode())


def take_fault(folder: Path, name: Counted) -> bool:
    """Whether this use is to fail; if so, one less of the next ones will."""
    faults = read_faults(folder)
    left: int = getattr(faults, name)
    if left <= 0:
        return False
    write_faults(folder, Faults(**{**asdict(faults), name: left - 1}))
    return True


class FaultMiddleware:
    """Plays the faults of the wire in front of all services."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = Headers(scope=scope).get("host", "").partition(":")[0] if scope["type"] == "http" else ""
        if host == "sts.googleapis.com" and take_fault(self._folder, "sts_unavailable"):
            unavailable = render_google_error(GoogleError(503, "The service is currently unavailable."))
            await unavailable(scope, receive, send)
            return
        if host == "storage.googleapis.com":
            if latency_ms := read_faults(self._folder).storage_latency_ms:
                await asyncio.sleep(latency_ms / 1000)
            if scope["method"] == "GET" and b"alt=media" in scope["query_string"]:
                send = _FaultyDownload(self._folder, send)
        await self._app(scope, receive, send)


class _FaultyDownload:
    """A `send` that passes a media download on, with what is wrong with it now; anything else, as it is.

    A download that is cut never tells the server that it is complete, which therefore closes
    the connection.
    """

    def __init__(self, folder: Path, send: Send) -> None:
        self._folder = folder
        self._send = send
        self._left = 0  # bytes of a download's body that are still to come
        self._kept_back = 0  # of them, those that a cut withholds
        self._corrupt = False
        self._bytes_per_s = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in (200, 206):
            # What is unpacked on its way has no length beforehand, and no faults.
            self._start(int(Headers(raw=message["headers"]).get("content-length", "0")))
        elif self._left and (body := message.get("body", b"")):
            message = {**message, "body": await self._spoil(body), "more_body": self._is_unfinished(message)}
        elif self._kept_back:
            return
        await self._send(message)

    def _start(self, length: int) -> None:
        self._left = length
        if length:
            self._bytes_per_s = read_faults(self._folder).download_bytes_per_s
            self._corrupt = take_fault(self._folder, "corrupted_downloads")
            if take_fault(self._folder, "cut_downloads"):
                self._kept_back = length - length // 2

    def _is_unfinished(self, message: Message) -> bool:
        return self._kept_back > 0 or bool(message.get("more_body"))

    async def _spoil(self, body: bytes) -> bytes:
        self._left -= len(body)
        if self._corrupt and self._left == 0:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if self._bytes_per_s:
            await asyncio.sleep(len(body) / self._bytes_per_s)
        return body[: max(0, len(body) - max(0, self._kept_back - self._left))]
