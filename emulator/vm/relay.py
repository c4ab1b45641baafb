"""The only way out of a container without a network: TCP ports on loopback that lead to Unix sockets.

Runs inside the sandbox, on the standard library alone:

    python relay.py PORT=SOCKET … -- ENTRYPOINT ARGUMENT …

The entrypoint is stopped (SIGTERM) when standard input ends or SIGTERM comes, and its exit
status is the relay's: 128 and the signal's number where a signal ended it, as container
runtimes have it; 127 where it cannot be started.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from threading import Thread

_CANNOT_START = 127
_SIGNALLED = 128


def main(arguments: list[str]) -> int:
    """The entrypoint has run with its ports open; its exit status."""
    cut = arguments.index("--")
    for pair in arguments[:cut]:
        port, _, path = pair.partition("=")
        listener = socket.create_server(("127.0.0.1", int(port)))
        Thread(target=_accept, args=(listener, path), daemon=True).start()
    command = arguments[cut + 1 :]
    try:
        entrypoint = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"exec: {command[0]!r}: {error.strerror}\n")
        return _CANNOT_START
    signal.signal(signal.SIGTERM, lambda *_: entrypoint.terminate())
    Thread(target=_stop_at_end_of_input, args=(entrypoint,), daemon=True).start()
    status = entrypoint.wait()
    return status if status >= 0 else _SIGNALLED - status


def _stop_at_end_of_input(entrypoint: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    entrypoint.terminate()


def _accept(listener: socket.socket, path: str) -> None:
    while True:
        client, _ = listener.accept()
        Thread(target=_join, args=(client, path), daemon=True).start()


def _join(client: socket.socket, path: str) -> None:
    with client, socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(path)
        except OSError:
            return  # the client sees a closed connection
        upward = Thread(target=_pump, args=(client, server), daemon=True)
        upward.start()
        _pump(server, client)
        upward.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """All of `source` is in `sink`, and so is its end.

    What comes over TCP is acknowledged at once: see the gateway's own pump.
    """
    with suppress(OSError):
        while data := source.recv(256 * 1024):
            if source.family == socket.AF_INET:
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
