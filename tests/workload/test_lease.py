"""A lease is renewed at its half, and what refuses or outlives it ends the use of the model."""

from __future__ import annotations

import gc
import json
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Event

import pytest

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected, SymbolonError
from contract.receipt import Released
from contract.release_log import Logged
from contract.release_refusals import REFUSALS, BrokerRefused
from workload.broker import BrokerNotPinned, BrokerUnreachable
from workload.lease import Lease
from workload.releasing import Granted, boot_time

LOGGED = Logged(entry=b"", opening=b"", index=0, checkpoint="", proof=())
RELEASED = Released(request=digest_of(b"request"), logged=LOGGED)
WAITS_S = 5.0


@dataclass(kw_only=True)
class World:
    """A clock that a test moves, and a broker that answers as the test says; a pause is told, and waits."""

    now: float = 1000.0
    answers: list[SymbolonError] = field(default_factory=list)
    pauses: Queue[float] = field(default_factory=Queue)
    goes_on: Queue[bool] = field(default_factory=Queue)
    renewed: list[str] = field(default_factory=list)
    reported: list[bytes] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def granted(self, lease_s: int = 100) -> Granted:
        return Granted(lease="a" * 32, lease_s=lease_s, ends_at=self.now + lease_s, released=RELEASED)

    def pause(self, ended: Event, seconds: float) -> bool:
        self.pauses.put(seconds)
        try:
            return self.goes_on.get(timeout=WAITS_S)
        except Empty:
            return True

    def renew(self, lease: str) -> Granted:
        self.renewed.append(lease)
        if self.answers:
            raise self.answers.pop(0)
        return self.granted()

    def report(self, receipt: bytes) -> None:
        if self.answers:
            raise self.answers.pop(0)
        self.reported.append(receipt)

    def begin(self) -> Lease:
        return Lease(self.granted(), self, clock=self.clock, pause=self.pause)

    def pass_to(self, now: float) -> float:
        """The pause that the thread makes is over, at that time; the next one's length, once it makes it."""
        self.now = now
        self.goes_on.put(False)
        return self.pauses.get(timeout=WAITS_S)


@pytest.fixture
def world() -> World:
    return World()


def refused_by(check: Callable[[], None]) -> SymbolonError:
    """Why the model may not be used, once the thread has noticed."""
    for _ in range(500):
        try:
            check()
        except SymbolonError as refused:
            return refused
        time.sleep(0.01)
    raise AssertionError("the lease goes on")


def test_it_is_renewed_at_half_of_each_lease(world: World) -> None:
    lease = world.begin()
    assert world.pauses.get(timeout=WAITS_S) == 50.0
    assert world.pass_to(1050.0) == 50.0
    assert world.pass_to(1100.0) == 50.0
    assert world.renewed == ["a" * 32] * 2
    world.now = 1199.0
    lease.check()


def test_a_lease_that_is_not_over_may_be_used(world: World) -> None:
    lease = world.begin()
    world.now = 1099.9
    lease.check()
    assert lease.released == RELEASED


def test_one_that_is_over_may_not_though_nobody_has_refused(world: World) -> None:
    """A renewal that hangs renews nothing."""
    lease = world.begin()
    world.now = 1100.0
    with pytest.raises(BrokerRefused) as refused:
        lease.check()
    assert refused.value.code == "lease-ended"
    assert "could not be asked" in refused.value.message


@pytest.mark.parametrize("code", ["licence-revoked", "licence-expired", "lease-of-another", "lease-unknown"])
def test_a_broker_that_says_no_ends_it_at_once_in_its_words(world: World, code: str) -> None:
    world.answers = [REFUSALS[code].error("the owner has said so", "ask")]
    lease = world.begin()
    world.pauses.get(timeout=WAITS_S)
    world.now = 1050.0
    world.goes_on.put(False)
    refused = refused_by(lease.check)
    assert (refused.code, refused.message, refused.hint) == (code, "the owner has said so", "ask")
    assert refused.exit_code == REFUSALS[code].family.exit_code
    assert world.renewed == ["a" * 32]


def test_another_server_in_the_broker_s_place_ends_it(world: World) -> None:
    world.answers = [BrokerNotPinned("another key", hint="look")]
    lease = world.begin()
    world.pauses.get(timeout=WAITS_S)
    world.goes_on.put(False)
    refused = refused_by(lease.check)
    assert isinstance(refused, BrokerNotPinned)
    assert isinstance(refused, EvidenceRejected)


def test_a_broker_that_is_away_is_asked_until_the_lease_is_over(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    away = [BrokerUnreachable("away"), REFUSALS["database-unavailable"].error()]
    world.answers = list(away)
    lease = world.begin()
    world.pauses.get(timeout=WAITS_S)
    assert world.pass_to(1050.0) == 5.0
    lease.check()
    assert world.pass_to(1055.0) == 0.0  # it is due, so it is asked at once
    assert world.pass_to(1080.0) == 5.0
    lease.check()
    world.now = 1100.0
    assert refused_by(lease.check).code == "lease-ended"
    assert len(world.renewed) == 2
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["code"] for each in said] == [each.code for each in away]


def test_a_broker_that_comes_back_in_time_renews(world: World) -> None:
    world.answers = [BrokerUnreachable("away")]
    lease = world.begin()
    world.pauses.get(timeout=WAITS_S)
    world.pass_to(1050.0)
    world.pass_to(1055.0)
    assert world.pass_to(1056.0) == 50.0
    world.now = 1150.0
    lease.check()


def test_nobody_renews_what_is_not_used_any_more() -> None:
    world, lease_s = World(now=boot_time()), 3600
    lease = Lease(world.granted(lease_s), world)
    lease.end()
    lease.check()
    assert world.renewed == []


@pytest.mark.parametrize("by", ["the clock", "the broker"])
def test_each_refusal_is_a_new_one_that_holds_nothing_of_whoever_asked(world: World, by: str) -> None:
    class Model:
        pass

    def use(model: Model) -> None:
        lease.check()

    if by == "the broker":
        world.answers = [REFUSALS["licence-revoked"].error()]
    lease = world.begin()
    world.pauses.get(timeout=WAITS_S)
    world.now = 1050.0 if by == "the broker" else 1200.0
    world.goes_on.put(by == "the clock")
    refused_by(lease.check)
    model = Model()
    watched = weakref.ref(model)
    with pytest.raises(BrokerRefused) as first:
        use(model)
    with pytest.raises(BrokerRefused) as second:
        lease.check()
    assert first.value is not second.value
    first.value.__traceback__ = None
    del model, first, second
    gc.collect()
    assert watched() is None


def test_a_report_is_made_as_far_as_it_can_be_and_the_log_says_how_it_went(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = world.begin()
    world.answers = [REFUSALS["report-rejected"].error()]
    lease.report(b"receipt")
    lease.report(b"receipt")
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["severity"], first["code"]) == ("WARNING", "report-rejected")
    assert (second["severity"], world.reported) == ("INFO", [b"receipt"])
