"""No run is sold twice: many clients, brokers that are killed at any instant, and every count the same.

A client whose broker dies sends the same call again, to whichever broker is there. So each try ends with a
release or a refusal, and what was counted without being answered is answered then.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Engine, select

from contract.release import Release, parse_challenge, parse_release
from release.store import schema
from release.store.engine import reading
from tests.release import broker_process, postgresql
from tests.release.broker_process import CHALLENGE, RELEASE
from tests.release.brokers import NOW, Asking, World, make_world, root

CLIENTS = 16
LATER = ("database-unavailable", "broker-not-ready")
NOT_LATER_THAN_S = 60.0
SPAWNING = multiprocessing.get_context("forkserver")
SPAWNING.set_forkserver_preload(["tests.release.broker_process"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is tried, and how often a broker is killed meanwhile."""

    brokers: int
    runs: int
    tries: int
    kills: int
    seed: int = 14


class Brokers:
    """The processes; one that is killed is started again at once."""

    def __init__(self, url: str, folder: Path, number: int) -> None:
        self._url, self._folder = url, folder
        self._root = root().public_bytes(Encoding.PEM)
        self.sockets = [folder / f"{index}.sock" for index in range(number)]
        self._processes = [self._start(index) for index in range(number)]

    def _start(self, index: int) -> BaseProcess:
        process = SPAWNING.Process(
            target=broker_process.serve, args=(self._url, str(self.sockets[index]), self._root), daemon=True
        )
        process.start()
        return process

    def kill(self, index: int) -> None:
        self._processes[index].kill()  # SIGKILL
        self._processes[index].join()
        self._processes[index] = self._start(index)

    def stop(self) -> None:
        for each in self._processes:
            each.kill()
            each.join()

    def ask(self, index: int, what: bytes, data: bytes = b"") -> bytes:
        """The broker's answer.

        Raises:
            OSError: it has none: it was killed, or is not there yet.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(NOT_LATER_THAN_S)
            connection.connect(str(self.sockets[index]))
            connection.sendall(what + NOW.to_bytes(8, "big") + data)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        if not answer:
            raise ConnectionError("it was killed")
        return answer


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the clients were told, together."""

    released: list[Release] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    asked_again: int = 0
    begun: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)


class Client:
    """One of those who try, by its own seed."""

    def __init__(self, world: World, brokers: Brokers, tally: Tally, seed: str) -> None:
        self._world, self._brokers, self._tally = world, brokers, tally
        self._random = random.Random(seed)

    def try_once(self) -> None:
        challenge = parse_challenge(self._until_answered(CHALLENGE)).challenge
        asking = self._world.ask(challenge=challenge, pictures=1)
        answers = [self._until_told(asking)]
        if self._random.random() < 0.1:  # the very same call besides, as by a proxy that repeats it
            answers.append(self._until_told(asking))
        first, *others = answers
        if isinstance(first, str):
            with self._tally.turn:
                self._tally.refused[first] += 1
            return
        assert all(isinstance(each, Release) and each.lease == first.lease for each in others)
        with self._tally.turn:
            self._tally.released.append(first)

    def _until_told(self, asking: Asking) -> Release | str:
        """The release, or the code of the refusal."""
        ends_at = time.monotonic() + NOT_LATER_THAN_S
        while time.monotonic() < ends_at:
            answer = self._until_answered(RELEASE, asking.call)
            if answer[:1] == b"{" and b'"error"' not in answer[:12]:
                return self._world.opened(asking, parse_release(answer))
            code = str(json.loads(answer)["error"]["code"])
            if code not in LATER:
                return code
            time.sleep(0.01)
        raise AssertionError(f"the brokers are not ready for {NOT_LATER_THAN_S:g} s")

    def _until_answered(self, what: bytes, data: bytes = b"") -> bytes:
        ends_at = time.monotonic() + NOT_LATER_THAN_S
        while time.monotonic() < ends_at:
            try:
                answer = self._brokers.ask(self._random.randrange(len(self._brokers.sockets)), what, data)
            except OSError:
                with self._tally.turn:
                    self._tally.asked_again += 1
                time.sleep(0.01)
                continue
            if what == RELEASE or answer[:1] == b"0":
                return answer[1:]
        raise AssertionError(f"no broker answered in {NOT_LATER_THAN_S:g} s")


def spend(url: str, engine: Engine, plan: Plan) -> Tally:
    """What `plan.tries` come to, of a licence for `plan.runs`, with brokers killed at seeded instants."""
    world, tally = make_world(engine, runs=plan.runs), Tally()
    world.ask()  # the platform's keys are made before threads want them
    numbers = random.Random(plan.seed)
    instants = sorted(numbers.sample(range(plan.tries // 20, plan.tries), plan.kills))
    failed: list[BaseException] = []
    due = threading.Semaphore(0)
    over = threading.Event()

    def clients_turn(seed: str) -> None:
        client = Client(world, brokers, tally, seed)
        try:
            while not failed and _next_of(tally, plan.tries, instants, due):
                client.try_once()
        except BaseException as error:  # noqa: BLE001  raised again in the test's own thread
            failed.append(error)

    def kill() -> None:
        while due.acquire() and not over.is_set():
            time.sleep(numbers.random() * 0.02)
            brokers.kill(numbers.randrange(plan.brokers))

    with _brokers(url, plan.brokers) as brokers:
        killer = threading.Thread(target=kill)
        killer.start()
        threads = [threading.Thread(target=clients_turn, args=(f"{plan.seed} {n}",)) for n in range(CLIENTS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        over.set()
        due.release()
        killer.join()
    if failed:
        raise failed[0]
    check(world, plan, tally)
    return tally


def _next_of(tally: Tally, tries: int, instants: list[int], due: threading.Semaphore) -> bool:
    """Whether there is one more to try; a kill is due where its instant has come."""
    with tally.turn:
        if tally.begun == tries:
            return False
        tally.begun += 1
        if instants and tally.begun >= instants[0]:
            instants.pop(0)
            due.release()
        return True


def check(world: World, plan: Plan, tally: Tally) -> None:
    """Count = log entries = releases, and what the clients have is what was counted."""
    expected = {"runs": plan.runs, "pictures": plan.runs, "releases": plan.runs, "entries": plan.runs}
    assert world.counts() == expected | {"renewals": 0}
    assert len(tally.released) == plan.runs
    assert len({each.lease for each in tally.released}) == plan.runs
    assert sorted(each.logged.index for each in tally.released) == list(range(plan.runs))
    assert dict(tally.refused) == {"licence-used-up": plan.tries - plan.runs}
    with reading(world.broker.engine) as connection:
        leases = set(connection.execute(select(schema.leases.c.id)).scalars())
    assert leases == {each.lease for each in tally.released}


@contextmanager
def _brokers(url: str, number: int) -> Iterator[Brokers]:
    with tempfile.TemporaryDirectory(prefix="symbolon-kill-", dir=postgresql.in_memory()) as folder:
        brokers = Brokers(url, Path(folder), number)
        try:
            yield brokers
        finally:
            brokers.stop()


SMALL = {
    "sqlite": Plan(brokers=1, runs=40, tries=160, kills=10),
    "postgresql": Plan(brokers=2, runs=40, tries=160, kills=10),
}
WHOLE = {
    "sqlite": Plan(brokers=1, runs=500, tries=20_000, kills=100),
    "postgresql": Plan(brokers=2, runs=500, tries=20_000, kills=100),
}


def test_no_run_is_sold_twice_while_brokers_are_killed(backend: str, url: str, engine: Engine) -> None:
    spend(url, engine, SMALL[backend])


@pytest.mark.long
def test_no_run_of_500_is_sold_twice_in_20_000_tries_with_100_kills(
    backend: str, url: str, engine: Engine
) -> None:
    tally = spend(url, engine, WHOLE[backend])
    assert tally.asked_again > 0
