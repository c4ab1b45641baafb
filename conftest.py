"""Rules for every test: nothing beyond this machine is reached, Ctrl-C reaches anybody, CI skips nothing.

Hypothesis tries the same examples each time, however long they take. And which tests run: `--quick` and
`--long` of scripts/test.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SLOW = Path(__file__).parent / "tests" / "slow.txt"
SLOW_FILE_S = 2.0
"""A file that takes as long, all its tests together, is none of `--quick`."""


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
if settings.get_current_profile_name() == "default":  # scripts/mutate has one of its own
    settings.register_profile(
        "symbolon",
        deadline=None,  # a busy machine fails no test
        database=None,
        derandomize=os.environ.get("SYMBOLON_SEED") != "random",
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("symbolon")
# What a shell starts in its background ignores SIGINT, and what `nohup` starts SIGHUP; so would the processes
# that tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With SYMBOLON_NO_SKIPS set, as in CI, a skipped test fails the run, but for one that is not required.

    Such a one says so: it is of another's program that no registry has.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("SYMBOLON_NO_SKIPS") or reporter is None:
        return
    skipped = [
        each for each in reporter.stats.get("skipped", []) if "not required: " not in str(each.longrepr)
    ]
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"{len(skipped)} skipped: with SYMBOLON_NO_SKIPS set that is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@cache
def slow_files() -> dict[str, float]:
    """What took long when it was last measured: file → seconds, slowest first."""
    lines = (line.split() for line in SLOW.read_text(encoding="utf-8").splitlines() if line[:1] != "#")
    return {path: float(seconds) for seconds, path in lines}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("symbolon")
    group.addoption("--quick", action="store_true", help="without the files of tests/slow.txt")
    group.addoption("--long", action="store_true", help="those marked `long`, which are left out otherwise")
    group.addoption("--measure", action="store_true", help="write tests/slow.txt anew, from all tests")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `--quick` a slow file is not even read: what it imports takes as long as many tests."""
    if not config.getoption("--quick") or collection_path.suffix != ".py":
        return None
    return collection_path.relative_to(config.rootpath).as_posix() in slow_files() or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow files come first, so that no core waits for one at the end; what was not asked for is left out."""
    slow = slow_files()
    long = config.getoption("--long")

    def place(item: pytest.Item) -> str:
        return item.nodeid.partition("::")[0]

    chosen = [item for item in items if (item.get_closest_marker("long") is not None) == long]
    kept = set(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = sorted(chosen, key=lambda item: -slow.get(place(item), 0.0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With `--measure`, tests/slow.txt names the files that took long in this run."""
    if not config.getoption("--measure"):
        return
    took: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                took[report.nodeid.partition("::")[0]] += report.duration  # type: ignore[assignment]
    lines = [f"{seconds:6.1f} {path}" for path, seconds in took.most_common() if seconds >= SLOW_FILE_S]
    head = f"# Files that took {SLOW_FILE_S:g} s and more, as seconds; written by scripts/test --measure.\n"
    SLOW.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
