"""How many keys a broker releases, each counted and logged durably first, and how long one takes.

    python -m benchmarks.release_key [--database sqlite|postgresql] [--seconds N] [--clients N]

A broker made by `symbolon broker init` and served by `symbolon broker serve` is asked over TLS 1.3 on
loopback, as a workload asks it: a challenge, a key pair, a token of a platform of our own, a release, and the
key opened. Each release has a connection of its own. Clients are processes of this machine, so what they and
the token's signature take is taken from the broker: the figures are of both together.

- **Most**: all clients ask one after the other, for so many seconds.
- **p99**: releases begin at half of the rate that is asked for, whether earlier ones have ended or not; the
  time from when one was due.
- **Beside**: one row committed at a time in the same database, durably, by one client, and nothing else.

SQLite has one broker, PostgreSQL two on one database, whose server this program starts and stops.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import Column, Engine, Integer, MetaData, Table, insert

from attestation.errors import ExitCode
from contract.release import open_key
from release.store.engine import open_engine, writing
from tests.release.brokers import DATA_KEY
from tests.release.postgresql import started
from tests.release.served import Served, make_served

LEAST_A_SECOND = {"sqlite": 50.0, "postgresql": 80.0}
MOST_P99_S = 0.1
BROKERS = {"sqlite": 1, "postgresql": 2}
_SECONDS, _CLIENTS = 20.0, 6
_PEER_S = 3.0
_WARM_S = 1.0
_LATE_S = 0.25
"""Time for the clients to be there before the first release is due."""
_ASKED: list[Served] = []
"""The brokers, as the clients find them, which are forks of this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Releases a second at most; median and 99th percentile of one, at half of the rate asked for."""

    database: str
    brokers: int
    a_second: float
    median_s: float
    p99_s: float
    commits_a_second: float


def measure(database: str, *, seconds: float, clients: int) -> Rate:
    """The rate of a broker, or of two, with nothing in their database but one licence without bounds."""
    with _served(database) as (brokers, engine):
        for broker in brokers:
            _release(broker)
        _ASKED[:] = brokers
        with ProcessPoolExecutor(clients, mp_context=get_context("fork")) as pool:
            _busy(pool, clients, _WARM_S)
            at_most = _busy(pool, clients, seconds)
            taken = _paced(pool, clients, seconds, LEAST_A_SECOND[database] / 2)
        commits = _commits(engine)
    return Rate(
        database=database,
        brokers=len(brokers),
        a_second=at_most,
        median_s=statistics.median(taken),
        p99_s=statistics.quantiles(taken, n=100)[-1],
        commits_a_second=commits,
    )


@contextmanager
def _served(database: str) -> Iterator[tuple[list[Served], Engine]]:
    """The brokers, ready, with a licence; and their database."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="symbolon-benchmark-")))
        arguments: tuple[str, ...] = ()
        url = f"sqlite:///{folder / 'beside.db'}"
        if database == "postgresql":
            server = opened.enter_context(started(on_disk=True))
            url = server.new_database()
            arguments = ("--database", server.new_database())
        first = make_served(folder, arguments=arguments)
        brokers = [first]
        for number in range(1, BROKERS[database]):  # as on another machine, with a copy of the folder
            copied = folder / f"broker-{number}"
            shutil.copytree(first.folder, copied)
            brokers.append(replace(first, folder=copied))
        for broker in brokers:
            broker.start("--address", "127.0.0.1:0")
            opened.callback(broker.stop)
        first.sell()
        engine = open_engine(url)
        opened.callback(engine.dispose)
        yield brokers, engine


def _release(broker: Served) -> None:
    private, request, answer = broker.release()
    if answer.sealed is None or open_key(answer.sealed, private, request=request) != DATA_KEY:
        raise SystemExit("the broker released another key")


def _until(which: int, ends_at: float) -> int:
    """How many releases one client has had by then."""
    count = 0
    while time.monotonic() < ends_at:
        _release(_ASKED[which])
        count += 1
    return count


def _at_their_times(which: int, due: list[float]) -> list[float]:
    """How long each release took from when it was due, one client's."""
    taken = []
    for at in due:
        time.sleep(max(0.0, at - time.monotonic()))
        _release(_ASKED[which])
        taken.append(time.monotonic() - at)
    return taken


def _busy(pool: ProcessPoolExecutor, clients: int, seconds: float) -> float:
    began = time.monotonic()
    counts = [pool.submit(_until, client % len(_ASKED), began + seconds) for client in range(clients)]
    return sum(each.result() for each in counts) / (time.monotonic() - began)


def _paced(pool: ProcessPoolExecutor, clients: int, seconds: float, a_second: float) -> list[float]:
    began = time.monotonic() + _LATE_S
    due = [began + number / a_second for number in range(int(seconds * a_second))]
    asked = [
        pool.submit(_at_their_times, client % len(_ASKED), due[client::clients]) for client in range(clients)
    ]
    return [each for client in asked for each in client.result()]


def _commits(engine: Engine) -> float:
    """Rows a second, each committed for itself."""
    rows = Table("rows", MetaData(), Column("number", Integer, primary_key=True))
    rows.create(engine)
    return _rate(lambda number: _commit(engine, rows, number))


def _commit(engine: Engine, rows: Table, number: int) -> None:
    with writing(engine) as connection:
        connection.execute(insert(rows).values(number=number))


def _rate(task: Callable[[int], None]) -> float:
    began, count = time.monotonic(), 0
    while time.monotonic() < began + _PEER_S:
        task(count)
        count += 1
    return count / (time.monotonic() - began)


def is_enough(rate: Rate) -> bool:
    """Whether the rate is within its bounds."""
    return rate.a_second >= LEAST_A_SECOND[rate.database] and rate.p99_s <= MOST_P99_S


def render(rate: Rate) -> str:
    """The report for people: each figure with its bound."""
    least = LEAST_A_SECOND[rate.database]
    whose = f"{rate.database}, {rate.brokers} broker{'s' if rate.brokers > 1 else ''}"
    return "\n".join(
        [
            f"{whose:24} {rate.a_second:6.0f} releases/s, at least {least:.0f}"
            f" ({rate.a_second / rate.commits_a_second:.2f} of {rate.commits_a_second:.0f} plain commits/s)",
            f"{f'  at {least / 2:.0f}/s':24} {rate.median_s * 1000:6.0f} ms median,"
            f" {rate.p99_s * 1000:.0f} ms p99, at most {MOST_P99_S * 1000:.0f}",
        ]
    )


def main() -> int:
    """The figures stand on standard output; the exit code is 3 where one is beyond its bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=sorted(BROKERS), action="append")
    parser.add_argument("--seconds", type=float, default=_SECONDS, metavar="N")
    parser.add_argument("--clients", type=int, default=_CLIENTS, metavar="N")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    rates = [
        measure(name, seconds=arguments.seconds, clients=arguments.clients)
        for name in arguments.database or sorted(BROKERS, reverse=True)
    ]
    if arguments.format == "json":
        print(json.dumps([asdict(each) for each in rates]))
    else:
        print("\n".join(map(render, rates)))
    return ExitCode.YES if all(map(is_enough, rates)) else ExitCode.ANSWERED_NO


if __name__ == "__main__":
    raise SystemExit(main())
