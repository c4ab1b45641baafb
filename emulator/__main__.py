"""`python -m emulator --state DIR [--port P]`: Google on this machine, in the foreground."""

from __future__ import annotations

import argparse
import errno
import json
import socket
import sys
from contextlib import suppress
from pathlib import Path

from attestation.errors import Misconfigured, SymbolonError, Unavailable

from .address import parse_route
from .server import run


def main() -> int:
    """The emulator ran and was stopped."""
    parser = argparse.ArgumentParser(prog="python -m emulator", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="where everything is kept")
    parser.add_argument("--port", type=int, default=0, help="of the proxy on 127.0.0.1; default: any")
    parser.add_argument(
        "--route",
        type=parse_route,
        action="append",
        default=[],
        metavar="NAME=127.0.0.1:PORT",
        help="tunnel a host's name there, unopened; may be given several times",
    )
    parser.add_argument("--whole-images", action="store_true", help="run an image from its own root, by runc")
    parser.add_argument("--ui", action="store_true", help="serve a page that shows what is recorded")
    # What `running.start` passes: it is told of readiness there, and may end the emulator by closing it.
    parser.add_argument("--report-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--until-closed", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    report = None if arguments.report_fd is None else socket.socket(fileno=arguments.report_fd)

    def on_ready(description: bytes) -> None:
        if report is None:
            sys.stdout.write(description.decode() + "\n")
            sys.stdout.flush()
            return
        try:
            report.sendall(description)
            report.shutdown(socket.SHUT_WR)
        except OSError:
            raise Unavailable("nobody waits any more for this emulator to be ready") from None

    try:
        run(
            arguments.state.resolve(),
            port=arguments.port,
            routes=dict(arguments.route),
            whole_images=arguments.whole_images,
            on_ready=on_ready,
            until=report if arguments.until_closed else None,
            with_page=arguments.ui,
            starter=None if arguments.until_closed else report,
        )
    except (SymbolonError, OSError) as failure:
        error = _of_the_disk(failure)
        if report is None:
            sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        else:
            with suppress(OSError):
                report.sendall(json.dumps({"error": error.message, "hint": error.hint}).encode())
        return error.exit_code
    return 0


def _of_the_disk(failure: SymbolonError | OSError) -> SymbolonError:
    """The failure; a disk that cannot be written is nobody's bug."""
    if isinstance(failure, SymbolonError):
        return failure
    if failure.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO):
        raise failure
    reason = (failure.strerror or "no reason given").lower()
    return Misconfigured(
        f"the emulator cannot write its state: {reason}", hint="make room, or name a folder on another disk"
    )


if __name__ == "__main__":
    sys.exit(main())
