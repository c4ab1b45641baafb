"""A release is counted once, in one transaction, whatever happens between the look and the commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contract.licence import Holder
from contract.release import CHALLENGE_S, Release, parse_release
from contract.release_log import Logged
from contract.release_refusals import REFUSALS, BrokerRefused
from release import ledger, releasing
from release.broker import Publishing
from release.releasing import release
from tests.release.brokers import (
    NOTHING,
    NOW,
    ONE,
    OTHER,
    World,
    challenge_of,
    clock_at,
    policy_text,
    refused,
)


def test_runs_are_counted_to_the_last(world: World) -> None:
    world.license(runs=3)
    for _ in range(3):
        world.release()
    refused(world, "licence-used-up")
    world.license(runs=4, serial=2)
    world.release()
    refused(world, "licence-used-up")


def test_pictures_are_counted_to_the_last(world: World) -> None:
    world.license(pictures=25)
    world.release()
    world.release()
    refused(world, "pictures-used-up")
    world.release(pictures=5)
    refused(world, "pictures-used-up", pictures=1)
    world.release(pictures=0)


def test_as_many_machines_run_at_once_as_are_allowed(world: World) -> None:
    world.license(at_once=2)
    world.release(instance="1")
    second = world.release(instance="2")
    refused(world, "too-many-at-once", instance="3")
    world.release(instance="2", now=NOW + 1)
    world.renew(second.lease, NOW + 3000, instance="2")
    refused(world, "too-many-at-once", instance="3", now=NOW + 3599)
    world.release(instance="3", now=NOW + 3600)
    refused(world, "too-many-at-once", instance="4", now=NOW + 3600)


def between_look_and_count(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> list[Any]:
    """`do` happens when a call has been looked at, and nothing of it is counted; what was looked at."""
    looks: list[Any] = []

    def look(broker: Any, asked: Any, now: float) -> Any:
        looks.append(real(broker, asked, now))
        do()
        return looks[-1]

    real = releasing._look
    monkeypatch.setattr(releasing, "_look", look)
    return looks


MEANWHILE = [
    pytest.param(lambda world: world.revoke(), "licence-revoked", id="is revoked"),
    pytest.param(lambda world: world.license(ends_at=NOW), "licence-expired", id="ends"),
    pytest.param(lambda world: world.license(runs=0), "licence-used-up", id="is used up"),
    pytest.param(lambda world: world.license(pictures=9), "pictures-used-up", id="has fewer pictures"),
    pytest.param(
        lambda world: world.license(holder=Holder(projects=("tertius",))),
        "licence-of-another",
        id="becomes another's",
    ),
    pytest.param(
        lambda world: world.license(images=(OTHER,)), "licence-for-another-image", id="is for another image"
    ),
]


@pytest.mark.parametrize(("change", "code"), MEANWHILE)
def test_a_licence_refuses_that_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[World], object], code: str
) -> None:
    between_look_and_count(monkeypatch, lambda: change(world))
    refused(world, code)


def test_of_two_requests_that_were_looked_at_with_one_challenge_one_is_released(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.ask()
    second = world.ask(challenge=challenge_of(first))

    def overtake() -> None:
        monkeypatch.undo()
        world.answer(first)

    between_look_and_count(monkeypatch, overtake)
    with pytest.raises(BrokerRefused) as caught:
        release(world.broker, second.call, clock_at(NOW))
    assert caught.value.code == "challenge-used"
    assert world.counts() == ONE


def test_the_same_request_twice_at_once_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = world.ask()
    first: list[Release] = []

    def overtake() -> None:
        monkeypatch.undo()
        first.append(world.answer(asking))

    between_look_and_count(monkeypatch, overtake)
    second = world.answer(asking)
    assert [each.lease for each in first] == [second.lease]
    assert world.counts() == ONE


def test_a_policy_that_changes_while_a_call_is_looked_at_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = between_look_and_count(
        monkeypatch, lambda: world.set_policy(policy_text('assertion.dbgstat == "enabled"'))
    )
    refused(world, "broker-policy-refused")
    assert len(looks) == 1, "the second look refuses"


def test_a_policy_that_never_rests_releases_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = iter(range(10))
    between_look_and_count(monkeypatch, lambda: world.set_policy(policy_text(description=str(next(changes)))))
    refused(world, "broker-not-ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogThat:
    """A log that does something before it publishes an entry."""

    log: Publishing
    does: Callable[[], object]

    def check_ready(self) -> None:
        pass

    def logged(self, index: int, *, entry: bytes, opening: bytes) -> Logged:
        self.does()
        return self.log.logged(index, entry=entry, opening=opening)


def with_log(world: World, does: Callable[[], object], kind: type[LogThat] = LogThat) -> World:
    return World(broker=replace(world.broker, log=kind(log=world.broker.log, does=does)))


def test_no_answer_leaves_before_the_commit(world: World) -> None:
    """What publishes sees the release from a connection of its own."""
    seen: list[dict[str, int]] = []
    with_log(world, lambda: seen.append(world.counts())).release()
    assert seen == [ONE]


def test_what_was_counted_and_never_answered_is_answered_when_it_is_asked_again(world: World) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    asking = world.ask()
    with pytest.raises(KeyboardInterrupt):
        with_log(world, fail).answer(asking)
    assert world.counts() == ONE
    world.answer(asking, NOW + 5)
    assert world.counts() == ONE


def test_a_broker_that_is_not_ready_counts_nothing(world: World) -> None:
    class Unready(LogThat):
        def check_ready(self) -> None:
            raise REFUSALS["broker-not-ready"].error()

    asking = world.ask()
    refused(with_log(world, list, Unready), "broker-not-ready", asking)


def test_what_fails_before_the_commit_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def store(*arguments: Any) -> None:
        raise KeyboardInterrupt

    asking = world.ask()
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "store", store)
        with pytest.raises(KeyboardInterrupt):
            release(world.broker, asking.call, clock_at(NOW))
    assert world.counts() == NOTHING
    world.answer(asking)
    assert world.counts() == ONE


def clock_after_waiting(before: int, after: int) -> Callable[[], float]:
    """A clock that is read twice: when the call is looked at, and when it is its turn at last."""
    times = iter([before, after])
    return lambda: next(times)


WAITED = [
    pytest.param({"ends_at": NOW + 50}, NOW + 50, "licence-expired", id="its licence's"),
    pytest.param({}, NOW + CHALLENGE_S, "challenge-expired", id="its challenge's"),
]


@pytest.mark.parametrize(("licence", "after", "code"), WAITED)
def test_a_call_that_waited_for_its_turn_until_an_end_is_refused(
    world: World, licence: dict[str, Any], after: int, code: str
) -> None:
    world.license(**licence)
    asking = world.ask()
    with pytest.raises(BrokerRefused) as caught:
        release(world.broker, asking.call, clock_after_waiting(NOW, after))
    assert caught.value.code == code
    assert world.counts() == NOTHING


def test_a_call_that_waited_for_its_turn_finds_the_machine_gone_whose_lease_has_ended(world: World) -> None:
    world.license(at_once=1, lease_s=60)
    world.release(instance="1")
    asking = world.ask(NOW + 40, instance="2")
    answer = parse_release(release(world.broker, asking.call, clock_after_waiting(NOW + 40, NOW + 65)))
    assert answer.lease_ends_at == NOW + 125, "its own lease begins when it is given"
