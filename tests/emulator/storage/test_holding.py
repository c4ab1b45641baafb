"""What was acknowledged stays: on a full disk, killed in mid-write, with many clients, among many objects.

Each of the long ones has a short form, which always runs.
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from emulator import running
from emulator.access_tokens import CLOUD_PLATFORM, mint_access_token
from emulator.running import Running
from emulator.state import State
from emulator.storage.listing import Question, page_of
from emulator.storage.objects import ObjectStore, measure

HOST = "https://storage.googleapis.com"
BUCKET = "bucket-that-holds"
MIB = 2**20


@dataclass(kw_only=True)
class Client:
    """Somebody with a connection of their own and the owner's token, who repeats nothing by themselves."""

    emulator: Running
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, data: bytes | None = None, **options: Any) -> requests.Response:
        return self.session.request(
            method,
            path if path.startswith("https:") else HOST + path,
            data=data,
            headers={"authorization": f"Bearer {self.token}", **options.pop("headers", {})},
            proxies={"https": self.emulator.proxy},
            verify=str(self.emulator.ca_file),
            timeout=60,
            **options,
        )

    def upload(self, name: str, data: bytes) -> requests.Response:
        return self.call("POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}", data)

    def download(self, name: str) -> bytes:
        answer = self.call("GET", f"/storage/v1/b/{BUCKET}/o/{name}?alt=media")
        assert answer.status_code == 200, answer.text
        return answer.content

    def begin(self, name: str) -> str:
        begun = self.call("POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&name={name}")
        return str(begun.headers["location"])


def owners_token(folder: Path) -> str:
    return mint_access_token(
        State(folder, clock=time.time),
        name="owner@primus.example",
        members=frozenset({"user:owner@primus.example"}),
        scopes=frozenset({CLOUD_PLATFORM}),
        lifetime_s=3600,
    )


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Client]:
    """An emulator of the test's own, with a bucket."""
    emulator = running.start(tmp_path / "state")
    try:
        client = Client(emulator=emulator, token=owners_token(emulator.folder))
        assert client.call("POST", "/storage/v1/b?project=primus", b'{"name": "%s"}' % BUCKET.encode()).ok
        with client.session:
            yield client
    finally:
        emulator.stop()


@contextmanager
def no_file_larger_than(size: int, pid: int) -> Iterator[None]:
    """As on a disk that is full, for one process."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_costs_nothing_that_was_stored(ours: Client) -> None:
    big = random.Random(3).randbytes(3 * MIB)
    assert ours.upload("before", big).ok
    session = ours.begin("resumed")
    with no_file_larger_than(2 * MIB, ours.emulator.pid):
        refused = ours.upload("big", big)
        assert (refused.status_code, "disk" in refused.text) == (403, True)
        cut = ours.call("PUT", session, big, headers={"content-range": f"bytes 0-{len(big) - 1}/{len(big)}"})
        assert cut.status_code == 403
        assert ours.upload("small", b"small").ok
    assert ours.download("before") == big
    assert ours.download("small") == b"small"
    assert ours.call("GET", f"/storage/v1/b/{BUCKET}/o/big").status_code == 404
    asked = ours.call("PUT", session, b"", headers={"content-range": f"bytes */{len(big)}"})
    first = int(asked.headers["range"].rpartition("-")[2]) + 1
    rest = {"content-range": f"bytes {first}-{len(big) - 1}/{len(big)}"}
    assert ours.call("PUT", session, big[first:], headers=rest).ok
    assert ours.download("resumed") == big
    assert not list((ours.emulator.folder / "storage" / "drafts").iterdir())


def test_where_not_even_a_name_can_be_written_nothing_is_half_there(ours: Client) -> None:
    for number in range(8):
        ours.upload(f"before-{number}", b"x")
    with no_file_larger_than(512, ours.emulator.pid):
        assert ours.upload("o", b"x").status_code == 403
        assert ours.call("POST", "/storage/v1/b?project=primus", b'{"name": "another"}').status_code == 403
        assert ours.call("DELETE", f"/storage/v1/b/{BUCKET}/o/before-0").status_code == 403
    assert ours.call("GET", "/storage/v1/b/another").status_code == 404
    assert ours.call("GET", f"/storage/v1/b/{BUCKET}/o/o").status_code == 404
    assert ours.download("before-0") == b"x"
    assert ours.upload("o", b"after").ok


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.long)])
def test_what_was_acknowledged_survives_a_kill_in_mid_write(tmp_path: Path, kills: int) -> None:
    """Six clients write, and the emulator is killed after a random number of their acknowledgements."""
    chance = random.Random(4)
    folder = tmp_path / "state"
    kept: dict[str, bytes] = {}
    for round_ in range(kills):
        emulator = running.start(folder)
        token = owners_token(folder)
        first = Client(emulator=emulator, token=token)
        first.call("POST", "/storage/v1/b?project=primus", b'{"name": "%s"}' % BUCKET.encode())
        for name in chance.sample(sorted(kept), min(40, len(kept))):
            assert first.download(name) == kept[name], f"{name} is lost in round {round_}"
        assert {each["name"] for each in listed(first)} >= kept.keys()
        first.session.close()
        acknowledged = threading.Semaphore(0)
        with ThreadPoolExecutor(6) as pool:
            writers = [
                pool.submit(
                    write_until_killed, Client(emulator=emulator, token=token), seed, kept, acknowledged
                )
                for seed in range(6 * round_, 6 * round_ + 6)
            ]
            for _ in range(chance.randrange(1, 60)):
                assert acknowledged.acquire(timeout=60)
            os.kill(emulator.pid, signal.SIGKILL)
            for writer in writers:
                writer.result()
        emulator.stop()
    emulator = running.start(folder)
    try:
        assert {
            each["name"] for each in listed(Client(emulator=emulator, token=owners_token(folder)))
        } >= kept.keys()
    finally:
        emulator.stop()
    assert len(kept) > 10 * kills


def write_until_killed(
    client: Client, seed: int, kept: dict[str, bytes], acknowledged: threading.Semaphore
) -> None:
    """Objects in one request or in two parts; those that were acknowledged are in `kept`."""
    own = random.Random(seed)
    with client.session, suppress(requests.RequestException, KeyError):
        for number in count():
            name, data = f"{seed}-{number}", own.randbytes(own.choice((2, 5000, 700_000)))
            if own.random() < 0.5:
                stored = client.upload(name, data).ok
            else:
                session, half = client.begin(name), len(data) // 2
                client.call("PUT", session, data[:half], headers={"content-range": f"bytes 0-{half - 1}/*"})
                tail = {"content-range": f"bytes {half}-{len(data) - 1}/{len(data)}"}
                stored = client.call("PUT", session, data[half:], headers=tail).ok
            assert stored
            kept[name] = data
            acknowledged.release()


def listed(client: Client) -> Iterator[dict[str, Any]]:
    token = ""
    while True:
        page = client.call("GET", f"/storage/v1/b/{BUCKET}/o?pageToken={token}").json()
        yield from page.get("items", [])
        if not (token := page.get("nextPageToken", "")):
            return


@pytest.mark.parametrize(
    ("clients", "seconds"),
    [(8, 0), pytest.param(64, 60, marks=pytest.mark.long)],
    ids=["8", "64 for a minute"],
)
def test_many_clients_work_and_none_is_refused_or_told_another_s_bytes(
    ours: Client, clients: int, seconds: int
) -> None:
    ends = time.monotonic() + seconds

    def work(number: int) -> int:
        own, done = random.Random(number), 0
        client = Client(emulator=ours.emulator, token=ours.token)
        sums: dict[str, str] = {}
        with client.session:
            while done < 3 or time.monotonic() < ends:
                name = f"{number}-{own.randrange(20)}"
                data = own.randbytes(own.choice((10, 10_000, 600_000)))
                assert client.upload(name, data).status_code == 200
                sums[name] = hashlib.sha256(data).hexdigest()
                read = own.choice(sorted(sums))
                assert hashlib.sha256(client.download(read)).hexdigest() == sums[read]
                page = client.call("GET", f"/storage/v1/b/{BUCKET}/o?prefix={number}-").json()
                assert {each["name"] for each in page["items"]} == sums.keys()
                done += 1
        return done

    with ThreadPoolExecutor(clients) as pool:
        assert min(pool.map(work, range(clients))) >= 3
    assert peak_memory_mib(ours.emulator.pid) < 400


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_page_costs_the_same_among_many_objects(tmp_path: Path, count: int) -> None:
    """In steps of the database, which say more than seconds do: at most twice those of a small bucket."""
    store = ObjectStore(tmp_path, time.time)
    for bucket, objects in (("many", count), ("page", 1_000)):
        for number in range(objects):
            with store.draft() as draft:
                store.put(bucket, f"photos/{number:07}.jpg", measure(draft), {})

    def steps(bucket: str, question: Question) -> int:
        taken = 0

        def step() -> None:
            nonlocal taken
            taken += 1

        store._database.set_progress_handler(step, 1)
        page = page_of(store, bucket, question)
        store._database.set_progress_handler(None, 1)
        assert len(page.objects) + len(page.prefixes) in (1, question.most)
        return taken

    middle = f"photos/{count // 2:07}.jpg"
    for many, alone in (
        (Question(most=1), Question(most=1)),
        (Question(most=1_000), Question(most=1_000)),
        (Question(most=900, after=middle), Question(most=900)),
        (Question(most=1_000, delimiter="/"), Question(most=1_000, delimiter="/")),
        (Question(most=1, prefix=middle), Question(most=1, prefix="photos/0000500.jpg")),
    ):
        assert steps("many", many) <= 2 * steps("page", alone)
    names, after = [], ""
    while True:
        page = page_of(store, "many", Question(most=1_000, after=after))
        names += [each.name for each in page.objects]
        if not (after := page.last):
            break
    assert names == [f"photos/{number:07}.jpg" for number in range(count)]


def peak_memory_mib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024
