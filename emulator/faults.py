"""Faults that a test or a person switches on while the emulator runs: `DIR/faults.json`, read at each use.

`FaultMiddleware` plays those that show on the wire, so no service knows of them. The rest are
questions that their service asks at the moment it matters, with the state folder in hand:

- verifier: `read_faults(state.folder).clock_skew_s` is added to the clock of every token it
  mints; `.expired_tokens` makes each of them an hour and more too old;
- whoever mints access tokens: `.access_token_lifetime_s`;
- launcher: `take_killed(state.folder)` is true when this workload is to be killed (SIGKILL) shortly after it
  started.

A test switches them with `write_faults(folder, trouble("sts", "503", times=2))`, and off with `Faults()`.
What counts is used up: each use takes one from it, in the file too.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attestation.errors import Misconfigured

from .errors import GoogleError, render_google_error
from .state import write_atomically

Call = Literal["sts", "iam", "kms", "list", "stat", "read", "write", "socket", "metadata", "registry"]
"""What is asked for: a token of STS; anything of IAM Credentials; anything of Cloud KMS, where `corrupt` is
an answer whose checksum is another; of Cloud Storage a listing, what is known
of an object, its bytes, a change; of the launcher's socket a token; anything of the metadata server, or of
the registry."""
How = Literal["429", "500", "503", "reset", "slow", "hang", "lost", "cut", "corrupt", "trickle"]
"""An error; a connection that is closed without an answer; an answer after `seconds`; none until the fault
is off, and then a connection that is closed; the request is done, and its answer is lost. A download ends,
without a word, after `percent` of its bytes; or its last bit is another; or its bytes come one by one."""
_OF_A_DOWNLOAD: tuple[How, ...] = ("cut", "corrupt", "trickle")

_WORDS = {"429": "Quota exceeded.", "500": "Internal error encountered."}
_ELSE = "The service is currently unavailable."
_LOOKS_EVERY_S = 0.05
_CHECKSUM = re.compile(rb'("(?:plaintext|ciphertext)Crc32c":"\d*)(\d)"')


_HOSTS: Mapping[str, Call] = {
    "cloudkms.googleapis.com": "kms",
    "iamcredentials.googleapis.com": "iam",
    "sts.googleapis.com": "sts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Requests that go wrong: after the first `after` ones, the next `times`."""

    call: Call
    how: How
    times: int = 1
    after: int = 0
    of: str = ""
    """Only of those that have this in their path, their query, or the first piece of their body."""
    seconds: int = 1
    percent: int = 50

    def concerns(self, call: Call, text: str) -> bool:
        return self.times > 0 and self.call == call and self.of in text


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is wrong with the platform now; the defaults are a platform in order."""

    troubles: tuple[Trouble, ...] = ()
    """What happens to requests; of two that concern one request, the first."""
    killed_workloads: int = 0
    """So many workloads are killed while they run."""
    download_bytes_per_s: int = 0
    """Every media download is slowed to this rate; 0 is full speed."""
    storage_latency_ms: int = 0
    """Every request to Cloud Storage waits so long before it is answered."""
    access_token_lifetime_s: int = 0
    """No access token of STS, of a service account or of a machine lives longer; 0 is as long as ever."""
    clock_skew_s: int = 0
    """The verifier's clock is ahead by so much (behind, where negative)."""
    expired_tokens: bool = False
    """Every attestation token is expired when it is minted."""


def trouble(call: Call, how: How, **more: Any) -> Faults:
    """This trouble, and nothing else, is on; `more` as `Trouble` has it."""
    return Faults(troubles=(Trouble(call=call, how=how, **more),))


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

    >>> parse_faults({"troubles": [{"call": "sts", "how": "503", "times": 2}]}).troubles[0].times
    2

    Raises:
        Misconfigured: as `read_faults` does.
    """
    if not isinstance(document, dict):
        raise Misconfigured("faults are not a JSON object")
    given = dict(document)
    troubles = given.pop("troubles", [])
    if not isinstance(troubles, list):
        raise Misconfigured("fault `troubles` takes a list")
    values = _checked(given, Faults(), "a fault")
    return Faults(**values, troubles=tuple(_parse_trouble(each) for each in troubles))


def _parse_trouble(document: object) -> Trouble:
    if not isinstance(document, dict):
        raise Misconfigured("a trouble is not a JSON object")
    trouble = Trouble(**_checked(document, Trouble(call="sts", how="503"), "a member of a trouble"))
    for name, known in (("call", get_args(Call)), ("how", get_args(How))):
        if getattr(trouble, name) not in known:
            raise Misconfigured(f"no trouble has such a `{name}`", hint=f"there are: {', '.join(known)}")
    return trouble


def _checked(document: dict[str, Any], defaults: Faults | Trouble, what: str) -> dict[str, Any]:
    for name, value in document.items():
        known = [field.name for field in fields(defaults)]
        if name not in known:
            raise Misconfigured(f"`{name[:40]}` is not {what}", hint=f"there are: {', '.join(known)}")
        kinds = {bool: "true or false", int: "a whole number", str: "a text"}
        if type(value) is not type(getattr(defaults, name)):
            raise Misconfigured(f"fault `{name}` takes {kinds[type(getattr(defaults, name))]}")
    return document


def write_faults(folder: Path, faults: Faults) -> None:
    """These faults, and no others, are on."""
    with _alone(folder):
        _write(folder, faults)


def _write(folder: Path, faults: Faults) -> None:
    write_atomically(folder / "faults.json", json.dumps(asdict(faults), indent=1).encode())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else counts meanwhile, in whatever process: a test's and the emulator's share the file."""
    with (folder / "faults.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def take_killed(folder: Path) -> bool:
    """Whether this workload is to be killed; if so, one less of the next ones will."""
    if read_faults(folder).killed_workloads <= 0:
        return False
    with _alone(folder):
        faults = read_faults(folder)
        _write(folder, replace(faults, killed_workloads=max(0, faults.killed_workloads - 1)))
    return faults.killed_workloads > 0


def take_trouble(folder: Path, call: Call, text: str) -> Trouble | None:
    """What is to happen to this request; if anything, it will happen once less."""
    if not any(each.concerns(call, text) for each in read_faults(folder).troubles):
        return None
    with _alone(folder):
        faults = read_faults(folder)
        for place, found in enumerate(faults.troubles):
            if found.concerns(call, text):
                less = replace(found, after=found.after - 1)
                if found.after <= 0:
                    less = replace(found, times=found.times - 1)
                troubles = (*faults.troubles[:place], less, *faults.troubles[place + 1 :])
                _write(folder, replace(faults, troubles=troubles))
                return found if found.after <= 0 else None
    return None


class FaultMiddleware:
    """Plays the faults of the wire in front of all services; or of one that answers to `call` alone."""

    def __init__(self, app: ASGIApp, folder: Path, call: Call | None = None) -> None:
        self._app = app
        self._folder = folder
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._call or _call_of(scope)
        if call is None:
            await self._app(scope, receive, send)
            return
        try:
            read_faults(self._folder)
        except Misconfigured as damaged:  # 4xx: what a client is not to try again
            words = f"the emulator's faults cannot be read: {damaged.message}"
            await self._error(400, words)(scope, receive, send)
            return
        if call in ("list", "stat", "read", "write") and (
            latency_ms := read_faults(self._folder).storage_latency_ms
        ):
            await asyncio.sleep(latency_ms / 1000)
        text = unquote(scope["path"]) + "?" + scope["query_string"].decode("latin-1")
        replayed = receive
        if any(each.of and each.call == call for each in read_faults(self._folder).troubles):
            first = await receive()
            text += first.get("body", b"").decode("latin-1")
            replayed = _replayed(first, receive)
        found = take_trouble(self._folder, call, text)
        if call == "kms" and found is not None and found.how == "corrupt":
            send = _with_another_checksum(send)
        if call == "read":
            send = _Download(read_faults(self._folder).download_bytes_per_s, found, send, receive)
        if found is None or found.how in _OF_A_DOWNLOAD:
            await self._app(scope, replayed, send)
        else:
            await self._disturb(found, scope, (receive, replayed), send)

    async def _disturb(self, found: Trouble, scope: Scope, ways: tuple[Receive, Receive], send: Send) -> None:
        receive, replayed = ways
        if found.how == "slow":
            await asyncio.sleep(found.seconds)
            await self._app(scope, replayed, send)
        elif found.how in ("reset", "lost", "hang"):
            if found.how == "hang":
                await self._while_on(found)
            if found.how == "lost":
                await self._app(scope, replayed, _nowhere)
            _connection_of(receive).abort()
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            await self._error(int(found.how), _WORDS.get(found.how, _ELSE))(scope, receive, send)

    def _error(self, status: int, words: str) -> Response:
        if self._call is None:
            return render_google_error(GoogleError(status, words))
        return PlainTextResponse(words + "\n", status, {"metadata-flavor": "Google"})

    async def _while_on(self, found: Trouble) -> None:
        """Waits until the fault is switched off; that it is used up is not enough."""
        while any(
            (each.call, each.how, each.of) == (found.call, found.how, found.of)
            for each in read_faults(self._folder).troubles
        ):
            await asyncio.sleep(_LOOKS_EVERY_S)


def _call_of(scope: Scope) -> Call | None:
    """What is asked for, by the host and the shape of the request."""
    if scope["type"] != "http":
        return None
    host = Headers(scope=scope).get("host", "").partition(":")[0]
    if host == "storage.googleapis.com":
        if scope["method"] not in ("GET", "HEAD"):
            return "write"
        if b"alt=media" in scope["query_string"]:
            return "read"
        return "list" if scope["path"].rstrip("/").endswith("/o") else "stat"
    if host.endswith("-docker.pkg.dev"):
        return "registry"
    return _HOSTS.get(host)


def _replayed(first: Message, receive: Receive) -> Receive:
    """What gives `first` again, and then what is still to come."""
    waiting = [first]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _connection_of(receive: Receive) -> Any:
    """The transport of uvicorn's connection: ASGI has no word for closing one without an answer."""
    cycle: Any = receive.__self__  # type: ignore[attr-defined]
    return cycle.transport


def _with_another_checksum(send: Send) -> Send:
    """What sends an answer of Cloud KMS on whose last digit of a checksum is another; its length stays."""

    async def spoiled(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = _CHECKSUM.sub(
                lambda found: found[1] + (b"2" if found[2] == b"1" else b"1") + b'"', message["body"]
            )
            message = {**message, "body": body}
        await send(message)

    return spoiled


async def _nowhere(_message: Message) -> None:
    """An answer that nobody gets."""


class _Download:
    """A `send` that passes a media download on, with what is wrong with it; anything else, as it is.

    A download that is cut never tells the server that it is complete, which therefore closes
    the connection.
    """

    def __init__(self, bytes_per_s: int, trouble: Trouble | None, send: Send, receive: Receive) -> None:
        self._bytes_per_s = bytes_per_s
        self._trouble = trouble
        self._send = send
        self._receive = receive
        self._left = 0  # bytes of a download's body that are still to come
        self._kept_back = 0  # of them, those that a cut withholds

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in (200, 206):
            # What is unpacked on its way has no length beforehand, and no faults.
            self._left = int(Headers(raw=message["headers"]).get("content-length", "0"))
            if self._is("cut"):
                assert self._trouble is not None  # noqa: S101  `_is` has just seen it
                self._kept_back = self._left - self._left * self._trouble.percent // 100
        elif self._left and (body := message.get("body", b"")):
            if self._is("trickle"):
                body = await self._trickle(message)
            more = self._kept_back > 0 or bool(message.get("more_body"))
            message = {**message, "body": await self._spoil(body), "more_body": more}
        elif self._kept_back:
            return
        await self._send(message)

    def _is(self, how: How) -> bool:
        return self._trouble is not None and self._trouble.how == how

    async def _trickle(self, message: Message) -> bytes:
        """All but the last byte has been sent, one by one, or nobody listens any more; the last one."""
        *first, last = message["body"]
        connection = _connection_of(self._receive)
        for byte in first:
            if connection.is_closing():
                break
            self._left -= 1
            await self._send({**message, "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(_LOOKS_EVERY_S)
        return bytes([last])

    async def _spoil(self, body: bytes) -> bytes:
        self._left -= len(body)
        if self._is("corrupt") and self._left == 0:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if self._bytes_per_s:
            await asyncio.sleep(len(body) / self._bytes_per_s)
        return body[: max(0, len(body) - max(0, self._kept_back - self._left))]
