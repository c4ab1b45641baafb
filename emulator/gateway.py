"""The way to every emulated host: a CONNECT proxy, which tunnels to one local TLS server.

`HTTPS_PROXY` and `REQUESTS_CA_BUNDLE` are all that a production client needs to be told, so
production host names work and no endpoint is configurable anywhere. A host that somebody routed
elsewhere on this machine is tunnelled there, unopened. Every other host, port and method is refused
with 403 and the reason; nothing is ever forwarded off this machine.

Source: RFC 9110, section 9.3.6, "CONNECT".
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

_HEAD_LIMIT = 32 * 1024
_HEAD_TIMEOUT_S = 60
_BUFFER = 256 * 1024
_AUTHORITY = re.compile(r"([a-z0-9.-]{1,253}):(\d{1,5})", re.IGNORECASE)


class Gateway:
    """Listens on the given sockets from `start` to `stop`."""

    def __init__(
        self, *, is_served: Callable[[str], bool], tls_socket: Path, routes: Mapping[str, int] | None = None
    ) -> None:
        """`routes`: host → the port on 127.0.0.1 that a tunnel to it ends at, whatever is spoken there."""
        self._is_served = is_served
        self._tls_socket = tls_socket
        self._routes = dict(routes or {})
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, *sockets: socket.socket) -> None:
        """Connections on `sockets`, TCP or Unix, are answered."""
        for listener in sockets:
            self._servers.append(await asyncio.start_server(self._accept, sock=listener, limit=_BUFFER))

    async def stop(self) -> None:
        """Nothing listens any more, and every tunnel is closed."""
        for server in self._servers:
            server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_TIMEOUT_S):
                head = await _read_head(reader)
            refusal = _refusal_of(head, lambda host: host in self._routes or self._is_served(host))
            if refusal:
                await _refuse(writer, 403, "Forbidden", refusal)
            else:
                await self._tunnel(_host_of(head), reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away, or never finished asking
        finally:
            writer.close()

    async def _tunnel(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await self._connect(host)
        except OSError as error:
            reason = f"nothing answers on 127.0.0.1:{self._routes.get(host, 443)}, where {host} is routed"
            await _refuse(writer, 502, "Bad Gateway", f"{reason}: {error.strerror}")
            return
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            client: socket.socket = writer.get_extra_info("socket")
            eager = client if client.family == socket.AF_INET else None
            upward = asyncio.create_task(_pump(reader, server_writer, eager=eager))
            downward = asyncio.create_task(_pump(server_reader, writer))
            try:
                await asyncio.gather(upward, downward)
            finally:
                upward.cancel()
                downward.cancel()
        finally:
            server_writer.close()

    async def _connect(self, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self._routes.get(host)
        if port is None:
            return await _connect(self._tls_socket)
        return await asyncio.open_connection("127.0.0.1", port, limit=_BUFFER)


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the Unix socket, by way of its folder: a `sockaddr_un` holds 107 bytes of path."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{path.name}", limit=_BUFFER)
    finally:
        os.close(folder)


async def _pump(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, eager: socket.socket | None = None
) -> None:
    """All of `source` is in `sink`, as fast as `sink` takes it, and so is its end.

    `eager`, the socket that `source` reads from, acknowledges at once what it gets: urllib3 leaves
    Nagle's algorithm on towards a proxy, so every request with a body would wait 40 ms for it.
    """
    while data := await source.read(_BUFFER):
        if eager is not None:
            eager.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        sink.write(data)
        await sink.drain()
    sink.write_eof()


async def _read_head(reader: asyncio.StreamReader) -> str:
    """The request line and headers.

    A head over the limit is read as far as that, and then refused like any other nonsense.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        return ""
    return head[:_HEAD_LIMIT].decode("latin-1")


def _refusal_of(head: str, is_served: Callable[[str], bool]) -> str:
    """Why the request is refused, in a few words, or `""`.

    >>> _refusal_of("CONNECT storage.googleapis.com:443 HTTP/1.1", lambda host: True)
    ''
    >>> _refusal_of("CONNECT example.com:443 HTTP/1.1", lambda host: False)
    'the emulator does not serve example.com'
    >>> _refusal_of("GET http://storage.googleapis.com/ HTTP/1.1", lambda host: True)
    'the emulator speaks https only: CONNECT and nothing else'
    """
    method, _, rest = head.partition("\r\n")[0].partition(" ")
    if method != "CONNECT":
        return "the emulator speaks https only: CONNECT and nothing else"
    authority = _AUTHORITY.fullmatch(rest.partition(" ")[0])
    if authority is None:
        return "the host to connect to is malformed"
    host, port = authority[1].lower(), authority[2]
    if not is_served(host):
        return f"the emulator does not serve {host}"
    if port != "443":
        return f"the emulator serves {host} on port 443 only"
    return ""


def _host_of(head: str) -> str:
    """The host of a CONNECT that is not refused."""
    return head.partition("\r\n")[0].split(" ")[1].rpartition(":")[0].lower()


async def _refuse(writer: asyncio.StreamWriter, status: int, phrase: str, reason: str) -> None:
    """The reason stands in the status line too: http.client shows nothing else of a refused CONNECT."""
    writer.write(_render_refusal(f"{status} {phrase}", reason))
    await writer.drain()


def _render_refusal(status: str, reason: str) -> bytes:
    body = reason + "\n"
    head = (
        f"HTTP/1.1 {status}: {reason}",
        "content-type: text/plain; charset=utf-8",
        f"content-length: {len(body)}",
        "connection: close",
    )
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode("ascii")
