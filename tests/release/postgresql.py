"""A PostgreSQL server of the test session's own, in a folder of its own, on a Unix socket alone.

Its programs refuse to be root, so root starts them as the user that Debian's package makes, or as `nobody`.
Without the programs the tests that need it are skipped; in CI that is a failure (SYMBOLON_NO_SKIPS).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

_PACKAGED = Path("/usr/lib/postgresql")
_MEMORY = Path("/dev/shm")
_USERS = ("postgres", "nobody")
ROLE = "owner"
_OPTIONS = "-c listen_addresses= -c unix_socket_directories={folder} -c max_connections=200 {more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server, which `started` starts and stops. Its databases are gone when it is."""

    folder: Path
    user: str | None
    more: str
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        return f"postgresql://{ROLE}@/{database}?host={self.folder}"

    def new_database(self, template: str = "template1") -> str:
        """The URL of a new database, with what `template` has in it."""
        name = f"d{os.getpid()}_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        options = _OPTIONS.format(folder=self.folder, more=self.more)
        self._control("-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """At once: whoever is connected is cut off."""
        self._control("-m", "immediate", "stop")

    def _control(self, *arguments: str | Path) -> None:
        _run(self.user, programs() / "pg_ctl", "-w", "-D", self.folder / "data", *arguments)


def programs() -> Path:
    """Where `initdb` and `pg_ctl` are; the test is skipped where they are nowhere."""
    asked = shutil.which("pg_config")
    if asked is not None:
        told = subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=True).stdout
        folders = [Path(told.strip())]
    else:
        folders = sorted(_PACKAGED.glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    pytest.skip("PostgreSQL's `initdb` is not here: apt-get install postgresql")


def in_memory() -> Path | None:
    """Where files need no disk, so that no test waits for one; None where there is no such folder."""
    return _MEMORY if os.access(_MEMORY, os.W_OK) else None


@contextmanager
def started(more: str = "", *, on_disk: bool = False) -> Iterator[Server]:
    """A server with further options, stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="symbolon-pg-", dir=None if on_disk else in_memory()))
    try:
        server = Server(folder=folder, user=_ordinary_user(folder), more=more)
        _run(
            server.user, programs() / "initdb", "-A", "trust", "-U", ROLE, "--no-sync", "-D", folder / "data"
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user(folder: Path) -> str | None:
    """Whom the programs run as, and whose the folder is: None for whoever runs this, who is not root."""
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, found.pw_uid, found.pw_gid)
        return name
    pytest.skip(f"PostgreSQL refuses root, and there is no user {' or '.join(_USERS)}")


def _run(user: str | None, program: Path, *arguments: str | Path) -> None:
    done = subprocess.run(
        [program, *arguments],
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, f"{program.name}: {done.stderr}"
