"""An emulator of its own process, started, found and stopped: for the command, the demo and tests."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from attestation.errors import Misconfigured, Unavailable

from .address import client_env
from .ui.tickets import issue_ticket

_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An emulator that is ready."""

    folder: Path
    pid: int
    proxy: str
    """`http://127.0.0.1:PORT`"""
    ca_file: Path
    gateway_socket: Path
    projects: tuple[str, ...]
    routes: Mapping[str, int]
    """Host → the port on 127.0.0.1 that tunnels to it end at."""
    whole_images: bool = False
    page: str = ""
    """`127.0.0.1:PORT` of the page that shows what is recorded, where there is one."""
    _lifeline: socket.socket | None = field(default=None, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def port(self) -> int:
        """The proxy's, on 127.0.0.1."""
        return int(self.proxy.rpartition(":")[2])

    @property
    def env(self) -> dict[str, str]:
        """What any production client needs in its environment to reach this emulator and nothing else."""
        return client_env(proxy=self.proxy, ca_file=str(self.ca_file))

    def credentials_file(self, party: str) -> Path:
        """The application default credentials of `owner`, `operator` or `auditor`."""
        return self.folder / "adc" / f"{party}.json"

    def gcloud_folder(self, party: str) -> Path:
        """The `CLOUDSDK_CONFIG` in which gcloud and gsutil are logged in as that party."""
        return self.folder / "gcloud" / party

    def page_link(self) -> str:
        """An address that opens the page, once, in one browser."""
        return f"http://{self.page}/open?ticket={issue_ticket(self.folder)}"

    def stop(self) -> None:
        """The emulator has ended, and its instances with it.

        Raises:
            Unavailable: it has not ended within 30 s of being told to.
        """
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                raise Unavailable("the emulator does not stop") from None
            finally:
                if self._lifeline is not None:
                    self._lifeline.close()
            return
        try:
            process = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            signal.pidfd_send_signal(process, signal.SIGTERM)
            ended, _, _ = select.select([process], [], [], _STOP_TIMEOUT_S)
        finally:
            os.close(process)
        if not ended:
            raise Unavailable("the emulator does not stop")


def start(
    folder: Path,
    *,
    port: int = 0,
    routes: Mapping[str, int] | None = None,
    whole_images: bool = False,
    with_page: bool = False,
    outlives_us: bool = False,
) -> Running:
    """A new emulator on `folder`, ready; it ends with this process unless it `outlives_us`.

    `routes`: a host's name → the port on 127.0.0.1 that tunnels to it end at, unopened.
    `whole_images`: a workload runs by runc, from its image's own root file system.
    `with_page`: a page on loopback shows what is recorded.

    What it has to say later is in `DIR/emulator.log`.

    Raises:
        Misconfigured: the folder cannot be used; or as the emulator says, e.g. another one has it.
        Unavailable: it ended, or was not ready within 30 s.
    """
    folder = folder.resolve()
    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "emulator.log").touch()
    ours, theirs = socket.socketpair()
    # -P: what lies in the folder where a person types is not imported.
    command = [sys.executable, "-P", "-m", "emulator", "--state", str(folder), "--port", str(port)]
    for name, target in (routes or {}).items():
        command += ["--route", f"{name}=127.0.0.1:{target}"]
    command += ["--whole-images"] if whole_images else []
    command += ["--ui"] if with_page else []
    command += ["--report-fd", str(theirs.fileno())] + ([] if outlives_us else ["--until-closed"])
    with theirs, (folder / "emulator.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    with ExitStack() as given_up:
        given_up.callback(ours.close)
        given_up.callback(process.wait)
        given_up.callback(process.kill)
        report = _read_report(ours, folder)
        if "error" in report:
            raise Misconfigured(str(report["error"]), hint=str(report["hint"]))
        given_up.pop_all()
    if outlives_us:
        ours.close()
        process.returncode = 0  # not ours to wait for
        return _running(folder, report)
    return _running(folder, report, lifeline=ours, process=process)


def find(folder: Path) -> Running | None:
    """The emulator that serves `folder` now, if one does.

    Raises:
        Misconfigured: nobody can tell: it is no folder, or somebody else's, or one runs and what is
            written of it is damaged.
    """
    folder = folder.resolve()
    with _usable(folder):
        try:
            lock = (folder / "lock").open("r+")
        except FileNotFoundError:
            return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return None  # nobody holds it; the description is a dead emulator's
    try:
        return _running(folder, json.loads((folder / "emulator.json").read_bytes()))
    except FileNotFoundError:
        return None  # starting, or stopping
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Misconfigured(
            f"an emulator runs, and `{folder / 'emulator.json'}` does not say which",
            hint=f"`fuser --kill {folder / 'lock'}` ends it; then start it again",
        ) from None


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise Misconfigured(
            f"cannot keep an emulator's state in `{folder}`: {reason}", hint="name another folder"
        ) from None


def _read_report(connection: socket.socket, folder: Path) -> dict[str, object]:
    connection.settimeout(_START_TIMEOUT_S)
    report = b""
    try:
        while data := connection.recv(65536):
            report += data
    except TimeoutError:
        raise Unavailable(f"the emulator is not ready after {_START_TIMEOUT_S} s") from None
    if not report:
        raise Unavailable("the emulator ended while it started", hint=f"`{folder / 'emulator.log'}` says why")
    document: dict[str, object] = json.loads(report)
    return document


def _running(
    folder: Path,
    report: dict[str, object],
    *,
    lifeline: socket.socket | None = None,
    process: subprocess.Popen[bytes] | None = None,
) -> Running:
    projects, routes = report["projects"], report.get("routes", {})
    if not isinstance(projects, list) or not isinstance(routes, dict):
        raise TypeError
    return Running(
        folder=folder,
        pid=int(str(report["pid"])),
        proxy=str(report["proxy"]),
        ca_file=Path(str(report["ca_file"])),
        gateway_socket=Path(str(report["gateway_socket"])),
        projects=tuple(projects),
        routes=routes,
        whole_images=bool(report.get("whole_images")),
        page=str(report.get("page", "")),
        _lifeline=lifeline,
        _process=process,
    )
