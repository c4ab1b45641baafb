"""Rules for every test: nothing beyond this machine is reached, Ctrl-C reaches anybody, CI skips nothing."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from typing import Any

import pytest


def _refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: a connection leaves this machine only over its dead body."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if not isinstance(address, tuple):  # a Unix socket
        return
    host = str(address[0])
    if host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise RuntimeError(f"a test tried to reach `{host}`: only loopback is allowed")


sys.addaudithook(_refuse_the_network)
# What a shell starts in its background ignores SIGINT, and so would every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With SYMBOLON_NO_SKIPS set, as in CI, a skipped test fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("SYMBOLON_NO_SKIPS") or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"{len(skipped)} skipped: with SYMBOLON_NO_SKIPS set that is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
