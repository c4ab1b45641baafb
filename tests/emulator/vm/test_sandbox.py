"""What a workload can reach: in bubblewrap the gateway and its own files, and nothing else at all."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest

from emulator.address import Address
from emulator.background import unix_listener
from emulator.vm import sandbox
from policy.launch_spec import TmpfsMount

needs_bubblewrap = pytest.mark.skipif(
    bool(sandbox.why_not_bubblewrap()), reason=f"no bubblewrap container here: {sandbox.why_not_bubblewrap()}"
)

Run = Callable[..., tuple[int, str]]

_PLACES = ("/tmp", "/dev/shm", "/data", "/", "/usr", "/etc")

_LOOK = """
import json, os, socket, sys
def attempt(act):
    try:
        return act()
    except OSError as error:
        return type(error).__name__
def write(path):
    with open(path, "w") as file:
        file.write("x")
    return "written"
def network():
    socket.create_connection(("127.0.0.1", int(sys.argv[3])), 5)
    return "reached"
def gateway():
    host, _, port = os.environ["HTTPS_PROXY"].removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(100).decode()
print(json.dumps({
    "network": attempt(network),
    "gateway": attempt(gateway),
    "secret": attempt(lambda: open(sys.argv[1]).read()),
    "home": attempt(lambda: os.listdir(sys.argv[2])),
    "app": [attempt(lambda: open("main.py").read()[:1]), attempt(lambda: write("/app/x"))],
    "launcher": [attempt(lambda: open("/run/container_launcher/token").read()),
                 attempt(lambda: write("/run/container_launcher/x"))],
    "places": {path: attempt(lambda: write(path + "/x")) for path in sys.argv[4:]},
    "shm": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize,
    "user": [os.getuid(), socket.gethostname(), os.getpid() < 20],
    "env": {name: os.environ.get(name) for name in ("GIVEN", "SSH_AUTH_SOCK", "PYTEST_CURRENT_TEST")},
    "interpreter": sys.prefix,
}))
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    """A Unix socket that echoes what it is sent."""
    path = tmp_path / "gateway.sock"
    listener = unix_listener(path, mode=0o600)
    listener.listen()

    def echo() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(1000):
                    connection.sendall(data)

    Thread(target=echo, daemon=True).start()
    return path


@pytest.fixture
def run(tmp_path: Path, gateway: Path) -> Iterator[Run]:
    """Runs a program in a sandbox of that kind: its exit status and its output."""
    (tmp_path / "ca.pem").write_text("a certificate")
    for name in ("app", "container_launcher", "scratch"):
        (tmp_path / name).mkdir()
    (tmp_path / "app" / "main.py").write_text(_LOOK)
    (tmp_path / "container_launcher" / "token").write_text("a token")
    metadata_socket = unix_listener(tmp_path / "metadata.sock", mode=0o600)

    def run(
        kind: sandbox.Kind, *args: str, act: Callable[[sandbox.Process], None] | None = None, **changes: Any
    ) -> tuple[int, str]:
        container = sandbox.Container(
            **{
                "args": args,
                "env": {"GIVEN": "yes", "PATH": "/usr/bin:/bin"},
                "working_folder": "/app",
                "user": "65532:65532",
                "hostname": "workload-vm",
                "files": tmp_path / "app",
                "launcher_folder": tmp_path / "container_launcher",
                "scratch": tmp_path / "scratch",
                "mounts": (TmpfsMount(destination="/data"),),
                **changes,
            }
        )
        address = Address(proxy="http://127.0.0.1:9", gateway_socket=gateway, ca_file=tmp_path / "ca.pem")
        reading, writing = os.pipe()
        process = sandbox.start(
            kind,
            container,
            address=address,
            metadata=sandbox.MetadataEndpoint(socket=tmp_path / "metadata.sock", port=9),
            output=writing,
        )
        os.close(writing)
        with open(reading, "rb") as output:
            if act is not None:
                output.readline()
                act(process)
            text = output.read().decode()
        return process.wait(), text

    yield run
    metadata_socket.close()


@needs_bubblewrap
def test_in_bubblewrap_nothing_is_reached_but_the_gateway_and_the_containers_own(
    run: Run, tmp_path: Path
) -> None:
    secret = tmp_path / "access-token.secret"
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as neighbour:
        port = str(neighbour.getsockname()[1])
        status, text = run("bubblewrap", "python", "main.py", str(secret), str(Path.home()), port, *_PLACES)
    assert status == 0, text
    seen = json.loads(text)
    assert seen["network"] == "ConnectionRefusedError"  # its loopback is its own
    assert seen["gateway"] == "hello"
    assert seen["secret"] == "FileNotFoundError"
    visible = seen["home"] if isinstance(seen["home"], list) else []
    assert set(visible) <= {path.relative_to(Path.home()).parts[0] for path in _environment_below_home()}
    assert seen["app"] == ["\n", "OSError"]
    assert seen["launcher"] == ["a token", "OSError"]
    writable = {place for place, outcome in seen["places"].items() if outcome == "written"}
    assert writable == {"/tmp", "/dev/shm", "/data"}
    assert seen["shm"] == 64 * 1024 * 1024
    assert seen["user"] == [65532, "workload-vm", True]
    assert seen["env"] == {"GIVEN": "yes", "SSH_AUTH_SOCK": None, "PYTEST_CURRENT_TEST": None}
    assert seen["interpreter"] == sys.prefix


def _environment_below_home() -> list[Path]:
    """The interpreter's own folders may be below a person's home, and are seen there."""
    prefixes = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve()]
    return [prefix for prefix in prefixes if prefix.is_relative_to(Path.home())]


@needs_bubblewrap
def test_dev_shm_is_as_large_as_the_operator_asked(run: Run) -> None:
    code = "import os; s = os.statvfs('/dev/shm'); print(s.f_blocks * s.f_frsize)"
    status, text = run("bubblewrap", "python", "-c", code, dev_shm_bytes=1024 * 1024)
    assert (status, int(text)) == (0, 1024 * 1024)


_KINDS = [pytest.param("bubblewrap", marks=needs_bubblewrap), "bare"]


@pytest.mark.parametrize("kind", _KINDS)
def test_the_exit_status_is_the_workloads(run: Run, kind: sandbox.Kind) -> None:
    assert run(kind, "python", "-c", "raise SystemExit(7)")[0] == 7


@pytest.mark.parametrize("kind", _KINDS)
def test_a_workload_that_a_signal_ends_has_its_number(run: Run, kind: sandbox.Kind) -> None:
    assert run(kind, "python", "-c", "import os; os.kill(os.getpid(), 9)")[0] == 137


@pytest.mark.parametrize("kind", _KINDS)
def test_a_workload_that_is_stopped_gets_sigterm_and_may_tidy_up(run: Run, kind: sandbox.Kind) -> None:
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'tidy\\n'), sys.exit(3)))\n"
        "os.write(1, b'ready\\n')\n"
        "time.sleep(60)\n"
    )
    assert run(kind, "python", "-c", code, act=lambda process: process.stop()) == (3, "tidy\n")


@pytest.mark.parametrize("kind", _KINDS)
def test_a_workload_that_is_killed_has_no_say(run: Run, kind: sandbox.Kind) -> None:
    code = "import time; print('ready', flush=True); time.sleep(60)"
    assert run(kind, "python", "-c", code, act=lambda process: process.kill()) == (137, "")


@needs_bubblewrap
def test_an_entrypoint_that_is_not_there_is_said(run: Run) -> None:
    status, text = run("bubblewrap", "no-such-program")
    assert (status, text) == (127, "exec: 'no-such-program': No such file or directory\n")


def test_bare_a_module_finds_the_launchers_folder(run: Run, tmp_path: Path) -> None:
    package = tmp_path / "app" / "job"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "container.py").write_text(
        "from pathlib import Path\nTOKEN_FILE = Path('/run/container_launcher/token')\n"
        "TEESERVER_SOCKET = '/run/container_launcher/teeserver.sock'\n"
    )
    (package / "__main__.py").write_text(
        "import sys\nfrom job import container\n"
        "print(container.TOKEN_FILE.read_text(), container.TEESERVER_SOCKET, sys.argv[1:])\n"
    )
    env = {"PATH": "/usr/bin", "PYTHONPATH": "/app", "PYTHONSAFEPATH": "1"}
    status, text = run("bare", "python", "-m", "job", "x", env=env)
    assert (status, text) == (0, "a token ../container_launcher/teeserver.sock ['x']\n")


def test_bare_the_persons_own_environment_and_home_are_not_the_workloads(run: Run) -> None:
    names = ("HOME", "PYTEST_CURRENT_TEST", "HTTPS_PROXY")
    code = f"import os; print(*(os.environ.get(name) for name in {names}))"
    _, text = run("bare", "python", "-c", code)
    home, test, proxy = text.split()
    assert home.endswith("/scratch/home")
    assert (test, proxy) == ("None", "http://127.0.0.1:9")


@needs_bubblewrap
def test_an_environment_below_a_temporary_folder_starts_in_bubblewrap() -> None:
    asked = "from emulator.vm import sandbox; print(sandbox.why_not_bubblewrap() or sandbox.best_kind())"
    with TemporaryDirectory(dir="/tmp") as folder:  # pytest's own may be below /dev, which is the container's
        venv.create(Path(folder) / "environment", symlinks=True, with_pip=False)
        answer = subprocess.run(
            [Path(folder) / "environment" / "bin" / "python", "-c", asked],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        )
    assert answer.stdout == "bubblewrap\n"


@needs_bubblewrap
def test_root_writes_to_its_own_layer_and_to_nothing_else(run: Run, tmp_path: Path) -> None:
    code = "open('/app/written', 'w').write('x'); print(oct(__import__('os').umask(0)))"
    assert run("bubblewrap", "python", "-c", code, user="")[1] == "0o22\n"
    assert (tmp_path / "app" / "written").read_text() == "x"
    for place in ("/usr/x", "/etc/x", "/x", "/run/container_launcher/x"):
        status, _ = run("bubblewrap", "python", "-c", f"open({place!r}, 'w')", user="")
        assert status == 1, place


@needs_bubblewrap
def test_every_client_inside_is_told_whose_certificates_to_believe(run: Run) -> None:
    code = (
        "import os; print({value for name, value in os.environ.items() if 'CERT' in name or 'CA_' in name})"
    )
    assert run("bubblewrap", "python", "-c", code)[1] == "{'/run/symbolon/ca.pem'}\n"


@needs_bubblewrap
def test_bubblewrap_is_started_from_wherever_it_is(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    found = shutil.which("bwrap")
    assert found is not None
    (elsewhere / "bwrap").symlink_to(found)
    monkeypatch.setenv("PATH", str(elsewhere))
    sandbox._bubblewrap.cache_clear()
    try:
        assert sandbox._bubblewrap() == str(elsewhere / "bwrap")
        assert run("bubblewrap", "python", "-c", "print(1)") == (0, "1\n")
    finally:
        sandbox._bubblewrap.cache_clear()


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("python", "/app/main.py"), "`/app/main.py` is a path inside a container"),
        (("cat", "/run/container_launcher/token"), "`/run/container_launcher/token` is a path inside"),
        (("python", "main.py"), "`main.py` uses `/run/container_launcher`, which a container alone has"),
        (("python", "-c", "pass"), ""),
        (("python", "other.py"), ""),
    ],
)
def test_a_workload_that_wants_a_containers_paths_is_told_apart(
    tmp_path: Path, args: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "main.py").write_text(_LOOK)
    (tmp_path / "other.py").write_text("print(1)")
    container = sandbox.Container(
        args=args,
        env={},
        working_folder="/app",
        user="",
        hostname="vm",
        files=tmp_path,
        launcher_folder=tmp_path,
        scratch=tmp_path,
    )
    found = sandbox.why_not_bare(container)
    assert found.startswith(reason)
    assert bool(found) is bool(reason)
