"""What the emulator adds to a call of gcloud: every round of requests that one makes, answered by it.

    python -m benchmarks.clients [--rounds 30] [--format json]

gcloud spends most of a second in itself. Its requests are made here by a client without anything of its own:
the tunnel, TLS, the refresh of the token, and the call, over new connections each time, as gcloud does. So
what is measured is more than the emulator's part, and never less. Beside it, gcloud's own time where it is
installed.

Asserted, on a machine that does nothing else: in the median, 20 ms at most.
"""

from __future__ import annotations

import argparse
import json
import shutil
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

from emulator import running
from emulator.running import Running
from symbolon.emulator.command import environment_of

CALLS: Mapping[str, tuple[str, str, str]] = {
    "projects describe": ("cloudresourcemanager.googleapis.com", "GET", "/v1/projects/primus?alt=json"),
    "iam service-accounts list": (
        "iam.googleapis.com",
        "GET",
        "/v1/projects/primus/serviceAccounts?alt=json",
    ),
    "compute instances list": (
        "compute.googleapis.com",
        "GET",
        "/compute/v1/projects/primus/aggregated/instances?alt=json&includeAllScopes=True&maxResults=500",
    ),
    "storage buckets list": ("storage.googleapis.com", "GET", "/storage/v1/b?alt=json&project=primus"),
}
"""What is typed after `gcloud` → the host, the verb and the path of the call that it makes."""
_GCLOUD_ROUNDS = 3
_MOST_MS = 20


class Client:
    """Makes requests through the gateway, each over a connection of its own."""

    def __init__(self, emulator: Running) -> None:
        self._proxy = emulator.proxy.removeprefix("http://")
        self._context = ssl.create_default_context(cafile=str(emulator.ca_file))
        self._credentials = json.loads(emulator.credentials_file("owner").read_bytes())

    def token(self) -> str:
        """A new access token."""
        names = ("client_id", "client_secret", "refresh_token")
        form = {"grant_type": "refresh_token", **{name: self._credentials[name] for name in names}}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        body = self.ask("oauth2.googleapis.com", "POST", "/token", headers, urlencode(form))
        return str(json.loads(body)["access_token"])

    def ask(self, host: str, verb: str, path: str, headers: Mapping[str, str], body: str = "") -> bytes:
        """The body of the answer, which is a 200."""
        connection = HTTPSConnection(self._proxy, context=self._context, timeout=30)
        connection.set_tunnel(host, 443)
        with closing(connection):
            connection.request(verb, path, body or None, dict(headers))
            answer = connection.getresponse()
            data = answer.read()
            if answer.status != 200:
                raise AssertionError(f"{verb} {path}: {answer.status}")
            return data


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """For each call the median of milliseconds that its requests take, and of gcloud's own call."""
    with tempfile.TemporaryDirectory(prefix="symbolon-benchmark-") as folder:
        emulator = running.start(Path(folder))
        try:
            client = Client(emulator)
            took: dict[str, list[float]] = {name: [] for name in CALLS}
            for _ in range(rounds):  # in turns, so that whatever else happens slows all alike
                for name, (host, verb, path) in CALLS.items():
                    began = time.perf_counter()
                    token = client.token()
                    client.ask(host, verb, path, {"authorization": f"Bearer {token}"})
                    took[name].append((time.perf_counter() - began) * 1000)
            return {
                name: {"emulator_ms": statistics.median(each), "gcloud_ms": _gcloud(emulator, name)}
                for name, each in took.items()
            }
        finally:
            emulator.stop()


def _gcloud(emulator: Running, call: str) -> float:
    """The median of milliseconds that gcloud takes for it; 0 where there is none."""
    program = shutil.which("gcloud")
    if program is None:
        return 0.0
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(emulator.folder), **environment_of(emulator, "owner")}
    took = []
    for _ in range(_GCLOUD_ROUNDS):
        began = time.perf_counter()
        subprocess.run(
            [program, *call.split(), "--format=json", "--quiet", *_project_of(call)],
            env=environment,
            check=True,
            capture_output=True,
        )
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _project_of(call: str) -> list[str]:
    return ["primus"] if call == "projects describe" else []


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    measured = measure(arguments.rounds)
    if arguments.format == "json":
        print(json.dumps(measured))
    else:
        for name, each in measured.items():
            print(
                f"{name:28} {each['emulator_ms']:7.1f} ms here, {each['gcloud_ms']:7.0f} ms of gcloud's call"
            )
    if slow := [name for name, each in measured.items() if each["emulator_ms"] > _MOST_MS]:
        raise SystemExit(f"more than {_MOST_MS} ms: {', '.join(slow)}")


if __name__ == "__main__":
    main()
