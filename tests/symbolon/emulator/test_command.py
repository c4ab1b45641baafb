"""`symbolon emulator`: Google on localhost for any client of one's own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.running import Running, find
from symbolon.emulator.command import environment_of
from tests.symbolon.conftest import Ask

PROBE = """
import google.auth, google.auth.transport.requests as transport
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
answer = transport.AuthorizedSession(credentials).get(
    f"https://cloudresourcemanager.googleapis.com/v1/projects/{project}")
print(answer.status_code, answer.json()["projectId"])
"""


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder whose path leaves room for the emulator's sockets; nothing runs on it afterwards."""
    with tempfile.TemporaryDirectory(prefix="symbolon-") as folder:
        yield Path(folder)
        running = find(Path(folder))
        if running is not None:
            running.stop()


def test_it_comes_up_once_says_how_to_reach_it_and_goes_down(ask: Ask, state: Path) -> None:
    down = ask("emulator", "status", "--state", state)
    assert (down.code, down.out) == (3, "not running\n")
    not_running = ask("emulator", "env", "--state", state)
    assert (not_running.code, f"symbolon emulator up --state {state}" in not_running.err) == (5, True)

    first = ask("emulator", "up", "--state", state, "--format", "json").json
    again = ask("emulator", "up", "--state", state, "--format", "json").json
    assert first == again
    assert ask("emulator", "status", "--state", state, "--format", "json").json == first
    assert first["environment"]["operator"]["HTTPS_PROXY"] == first["proxy"]

    human = ask("emulator", "up", "--state", state)
    env = f"symbolon emulator env --state {state}"
    assert (human.code, human.out.splitlines()) == (
        0,
        [
            f"running at {first['proxy']} (process {first['pid']}), state in {state.resolve()}",
            "a shell becomes one of its people, and reaches nothing else, by",
            f'  eval "$({env} owner)"      project primus',
            f'  eval "$({env} operator)"   project secundus',
            f'  eval "$({env} auditor)"    project tertius',
        ],
    )
    assert ask("emulator", "status", "--state", state).out == human.out

    assert ask("emulator", "down", "--state", state).out == "stopped; its state is kept\n"
    assert ask("emulator", "down", "--state", state).out == "not running\n"
    assert ask("emulator", "status", "--state", state, "--format", "json").json == {"running": False}


@pytest.mark.parametrize(
    ("party", "project"), [("owner", "primus"), ("operator", "secundus"), ("auditor", "tertius")]
)
def test_a_shell_becomes_a_party_by_evaluating_its_lines(
    ask: Ask, state: Path, party: str, project: str
) -> None:
    ask("emulator", "up", "--state", state)
    lines = ask("emulator", "env", party, "--state", state).out
    script = f'{lines}exec "$0" -c "$1"'
    shell = ["sh", "-c", script, sys.executable, PROBE]
    done = subprocess.run(shell, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    assert done.stdout == f"200 {project}\n"
    running = find(state)
    assert running is not None
    assert ask("emulator", "env", party, "--state", state, "--format", "json").json == environment_of(
        running, party
    )


def test_in_the_foreground_it_ends_with_ctrl_c(state: Path) -> None:
    command = [sys.executable, "-m", "symbolon", "emulator", "up", "--foreground", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("running at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert find(state) is None


def test_the_state_is_in_the_user_s_state_folder(
    ask: Ask, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    assert ask("emulator", "status").code == 3
    assert ask("emulator", "up").code == 0
    running = find(state / "symbolon" / "emulator")
    assert running is not None
    running.stop()


def test_a_second_one_on_the_same_state_is_refused(ask: Ask, state: Path) -> None:
    ask("emulator", "up", "--state", state)
    answered = ask("emulator", "up", "--foreground", "--state", state)
    assert (answered.code, answered.out) == (7, "")
    assert "already runs" in answered.err


def test_a_port_that_is_not_the_running_ones_is_told(ask: Ask, state: Path) -> None:
    ask("emulator", "up", "--state", state)
    running = find(state)
    assert running is not None
    assert ask("emulator", "up", "--port", str(running.port), "--state", state).code == 0
    other = ask("emulator", "up", "--port", str(running.port - 1), "--state", state)
    assert (other.code, other.out) == (7, "")
    assert f"the emulator runs already, on port `{running.port}`" in other.err


def test_fish_has_words_of_its_own(ask: Ask, emulator: Running) -> None:
    lines = ask("emulator", "env", "--shell", "fish", "--state", emulator.folder).out.splitlines()
    assert f"set -gx HTTPS_PROXY '{emulator.proxy}'" in lines
    assert "set -e CLOUDSDK_CORE_ACCOUNT" in lines
    assert not [line for line in lines if line.startswith(("export", "unset"))]


def test_a_route_is_kept_and_one_that_is_missing_is_told(ask: Ask, state: Path) -> None:
    route = ("--route", "broker.primus.example=127.0.0.1:8443")
    assert ask("emulator", "up", *route, "--state", state).code == 0
    again = ask("emulator", "up", *route, "--state", state)
    assert (again.code, "broker.primus.example leads to 127.0.0.1:8443\n" in again.out) == (0, True)
    other = ask("emulator", "up", "--route", "broker.primus.example=127.0.0.1:8444", "--state", state)
    assert (other.code, "does not route `broker.primus.example` there" in other.err) == (7, True)
    nonsense = ask("emulator", "up", "--route", "broker.primus.example=192.0.2.1:1", "--state", state)
    assert (nonsense.code, "is not of the form `NAME=127.0.0.1:PORT`" in nonsense.err) == (2, True)


def opened(link: str) -> int:
    """The status of what a browser is shown by the link, after the page has sent it on."""
    address, _, path = link.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 303:
            return answer.status
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        connection.request("GET", "/", headers={"Cookie": cookie})
        page = connection.getresponse()
        assert b"primus" in page.read()
        return page.status
    finally:
        connection.close()


def test_its_page_is_opened_by_a_link_once_and_ends_with_it(ask: Ask, state: Path) -> None:
    first = ask("emulator", "up", "--ui", "--state", state)
    assert (first.code, first.err) == (0, "")
    link = first.out.splitlines()[-1].strip()
    assert link.startswith("http://127.0.0.1:")
    assert [opened(link), opened(link)] == [200, 401]
    another = ask("emulator", "up", "--ui", "--state", state, "--format", "json").json["page"]
    assert opened(another) == 200
    assert "page" not in ask("emulator", "status", "--state", state, "--format", "json").json
    ask("emulator", "down", "--state", state)
    with pytest.raises(ConnectionRefusedError):
        opened(another)
    assert (state / "emulator.log").read_text() == ""


def test_one_that_runs_without_its_page_is_told(ask: Ask, state: Path) -> None:
    ask("emulator", "up", "--state", state)
    answered = ask("emulator", "up", "--ui", "--state", state)
    assert (answered.code, answered.out) == (7, "")
    assert "without its page" in answered.err and "symbolon emulator down" in answered.err
