"""An emulator's life: started once a folder, found, stopped, and started again on what it kept."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from attestation.errors import Misconfigured
from emulator import __main__ as program
from emulator import running
from emulator.running import Running


def client_of(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    file = str(emulator.credentials_file("owner"))
    credentials = Credentials.from_authorized_user_file(file)  # type: ignore[no-untyped-call]
    return storage.Client(project="primus", credentials=credentials)


def has_ended(pid: int) -> bool:
    """Waits for a process that is not our child."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 20)[0])
    finally:
        os.close(process)


def test_state_and_access_tokens_survive_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = running.start(tmp_path)
    try:
        client = client_of(first, monkeypatch)
        bucket = client.create_bucket("kept")
        blob = bucket.blob("a/model")
        blob.metadata = {"k": "v"}
        blob.upload_from_string(b"kept bytes")
        policy = bucket.get_iam_policy(requested_policy_version=3)
        policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:x@y.example"}})
        bucket.set_iam_policy(policy)
        authority = first.ca_file.read_bytes()
        session = bucket.blob("later").create_resumable_upload_session()
    finally:
        first.stop()
    second = running.start(tmp_path)
    try:
        assert second.ca_file.read_bytes() == authority
        monkeypatch.setenv("HTTPS_PROXY", second.proxy)
        monkeypatch.setenv("https_proxy", second.proxy)
        kept = client.get_bucket("kept").get_blob("a/model")  # with the token that it has
        assert (kept.generation, kept.metadata) == (blob.generation, {"k": "v"})
        assert kept.download_as_bytes() == b"kept bytes"
        roles = {binding["role"] for binding in bucket.get_iam_policy(requested_policy_version=3).bindings}
        assert "roles/storage.objectViewer" in roles
        assert client._http.put(session, b"went on").status_code == 200
        assert bucket.blob("later").download_as_bytes() == b"went on"
        client.close()
    finally:
        second.stop()


def test_what_a_crash_left_behind_is_swept_away(tmp_path: Path) -> None:
    for folder in ("contents", "drafts"):
        (tmp_path / "storage" / folder).mkdir(parents=True)
        (tmp_path / "storage" / folder / "orphan").touch()
    running.start(tmp_path).stop()
    assert not list(tmp_path.glob("storage/*/orphan"))


def test_a_folder_has_one_emulator(emulator: Running) -> None:
    with pytest.raises(Misconfigured, match="already runs on this state folder") as refused:
        running.start(emulator.folder)
    assert "symbolon emulator down" in refused.value.hint


def test_an_emulator_that_runs_is_found(emulator: Running) -> None:
    found = running.find(emulator.folder)
    assert found is not None
    assert (found.pid, found.proxy, found.env) == (emulator.pid, emulator.proxy, emulator.env)
    assert found.projects == ("primus", "secundus", "tertius")


@pytest.mark.parametrize("contents", ["", "{", "[]", "{}", '{"projects": 1}'])
def test_one_that_runs_and_is_not_described_is_told(emulator: Running, contents: str) -> None:
    description = emulator.folder / "emulator.json"
    before = description.read_bytes()
    try:
        description.write_text(contents)
        with pytest.raises(Misconfigured, match="does not say which") as refused:
            running.find(emulator.folder)
    finally:
        description.write_bytes(before)
    assert f"fuser --kill {emulator.folder / 'lock'}" in refused.value.hint


def test_none_is_found_where_none_runs(tmp_path: Path) -> None:
    assert running.find(tmp_path) is None
    (tmp_path / "lock").touch()
    (tmp_path / "emulator.json").write_text("{}")
    assert running.find(tmp_path) is None


def test_an_emulator_that_outlives_its_starter_is_found_and_stopped(tmp_path: Path) -> None:
    started = running.start(tmp_path, outlives_us=True)
    found = running.find(tmp_path)
    assert found is not None
    found.stop()
    assert running.find(tmp_path) is None
    found.stop()  # again does no harm
    assert not (tmp_path / "emulator.json").exists()
    assert not list(tmp_path.glob("*.sock"))
    assert started.pid == found.pid


def test_an_emulator_ends_with_its_starter(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from emulator import running;"
        "print(running.start(pathlib.Path(sys.argv[1])).pid, flush=True); os.kill(os.getpid(), 9)"
    )
    starter = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True)
    assert starter.returncode == -signal.SIGKILL
    assert has_ended(int(starter.stdout))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground_it_says_where_it_is_and_ends_at_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "emulator", "--state", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "}\n")
        described = json.loads("".join(lines) + "}")
        assert described["pid"] == process.pid
        assert json.loads((tmp_path / "emulator.json").read_bytes()) == described
        process.send_signal(number)
        out, error = process.communicate(timeout=20)
        assert (process.returncode, out.strip(), error) == (0, "", "")


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"cannot listen on port `{port}`: address already in use"):
            running.start(tmp_path, port=port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_said_in_one_line(tmp_path: Path, port: int) -> None:
    with pytest.raises(Misconfigured, match=f"cannot listen on port `{port}`: ports are 0 to 65535"):
        running.start(tmp_path, port=port)


@pytest.mark.parametrize("below", ["", "sub"])
def test_a_file_where_the_state_should_be_is_said_in_one_line(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    for ask in (running.find, running.start):
        with pytest.raises(Misconfigured, match="cannot keep an emulator's state in"):
            ask(tmp_path / "file" / below)


@pytest.mark.parametrize("contents", ["not json", '{"cut off": ', "[]", '{"a": 1}', "[" * 100_000])
def test_a_document_that_is_damaged_is_told_and_left_as_it_is(tmp_path: Path, contents: str) -> None:
    damaged = tmp_path / "documents" / "logging.whatever.json"
    damaged.parent.mkdir()
    damaged.write_text(contents)
    with pytest.raises(Misconfigured, match=f"`{damaged}` is damaged") as refused:
        running.start(tmp_path)
    assert refused.value.hint.endswith(f"mv {damaged} {damaged}.damaged")
    assert damaged.read_text() == contents
    damaged.rename(f"{damaged}.damaged")
    running.start(tmp_path).stop()


def test_whatever_else_is_damaged_is_told_too(tmp_path: Path) -> None:
    running.start(tmp_path).stop()
    kept = [tmp_path / "tls.pem", tmp_path / "audit.key", tmp_path / "storage" / "objects.db"]
    for path in [*kept, *tmp_path.rglob("pki-*.pem")]:
        before = path.read_bytes()
        path.write_bytes(b"no such thing" * 40)
        if path.name not in ("pki-root-key.pem", "pki-intermediate-key.pem"):  # read once, when they are made
            with pytest.raises(Misconfigured, match=f"`{path}` is damaged"):
                running.start(tmp_path)
        path.write_bytes(before)
    running.start(tmp_path).stop()


def test_a_folder_with_a_long_path_is_served(tmp_path: Path) -> None:
    running.start(tmp_path / ("x" * 150)).stop()


def test_what_lies_where_a_person_types_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "json.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path / "here")
    running.start(tmp_path / "state").stop()


def test_what_is_secret_is_its_owners_alone(emulator: Running) -> None:
    for path in [emulator.folder, *emulator.folder.glob("adc/*"), *emulator.folder.glob("*.secret")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert (emulator.folder / "tls.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "no space left on device"), (errno.EROFS, "read-only file system")]
)
def test_a_disk_that_cannot_be_written_is_said_and_is_no_bug(
    number: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def fill_up(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr(program, "run", fill_up)
    monkeypatch.setattr(sys, "argv", ["emulator", "--state", str(tmp_path)])
    assert program.main() == 7
    said = capsys.readouterr().err
    assert said.splitlines()[0] == f"error: the emulator cannot write its state: {says}"
    assert str(tmp_path) not in said
    monkeypatch.setattr(program, "run", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        program.main()
