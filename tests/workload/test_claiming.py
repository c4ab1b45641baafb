"""One start writes into a folder at a time: who takes over whom, and when, by a clock that is handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from google.cloud import storage

from attestation.errors import Misconfigured
from contract.claim import ABANDONED_AFTER_S, NAME, Claim, parse_claim, render_claim
from contract.uris import FolderUri
from workload import claiming
from workload.claiming import FolderTaken, Turn, take
from workload.results import ResultFolder

Buckets = Callable[[], storage.Bucket]

OURS = Claim(instance_id="1", start_id="first")
AGAIN = Claim(instance_id="1", start_id="second")
THEIRS = Claim(instance_id="2", start_id="third")


class Time:
    """A clock that pauses move on; `meanwhile` happens during each."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.now = 1000.0
        self._meanwhile = meanwhile

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        self._meanwhile()


@pytest.fixture
def folder(as_operator: storage.Client, make_bucket: Buckets) -> ResultFolder:
    return ResultFolder(as_operator, FolderUri(bucket=make_bucket().name, prefix="run/"))


def start(folder: ResultFolder, claim: Claim, time: Time | None = None) -> claiming.Claim:
    time = time or Time()
    return take(folder, claim, clock=time.clock, pause=time.pause)


def lies_there(folder: ResultFolder) -> Claim:
    found = folder.read(NAME)
    assert found is not None
    return parse_claim(found[0], hint="")


def test_an_empty_folder_is_claimed_at_once_and_given_up_at_the_end(folder: ResultFolder) -> None:
    time = Time()
    claim = start(folder, OURS, time)
    assert time.now == 1000.0
    assert lies_there(folder) == OURS
    claim.check()
    claim.renew()
    assert lies_there(folder).renewals == 1
    claim.check()
    claim.give_up()
    assert folder.read(NAME) is None


def test_the_same_instance_takes_over_at_once(folder: ResultFolder) -> None:
    killed = start(folder, OURS)
    time = Time()
    start(folder, AGAIN, time).check()
    assert time.now == 1000.0
    with pytest.raises(FolderTaken):
        killed.check()


def test_another_instance_waits_two_minutes_for_a_sign_of_life(folder: ResultFolder) -> None:
    start(folder, OURS)
    time = Time()
    start(folder, THEIRS, time).check()
    assert time.now - 1000.0 >= ABANDONED_AFTER_S
    assert lies_there(folder) == THEIRS


def test_an_instance_that_is_at_work_keeps_its_folder(folder: ResultFolder) -> None:
    working = start(folder, OURS)
    with pytest.raises(FolderTaken, match="instance `1` is at work") as refused:
        start(folder, THEIRS, Time(meanwhile=working.renew))
    assert "stop it first" in refused.value.hint
    working.check()


def test_an_instance_that_ends_meanwhile_is_not_waited_for(folder: ResultFolder) -> None:
    ending = start(folder, OURS)
    time = Time(meanwhile=ending.give_up)
    start(folder, THEIRS, time).check()
    assert time.now - 1000.0 < ABANDONED_AFTER_S


def test_of_two_that_wait_one_alone_takes_over(folder: ResultFolder) -> None:
    start(folder, OURS)
    won: list[claiming.Claim] = []

    def another_is_faster() -> None:
        if time.now - 1000.0 >= ABANDONED_AFTER_S and not won:
            won.append(start(folder, THEIRS, Time()))

    time = Time(meanwhile=another_is_faster)
    with pytest.raises(FolderTaken):
        start(folder, Claim(instance_id="3", start_id="late"), time)
    won[0].check()


@pytest.mark.parametrize("write", ["check", "renew"])
def test_whoever_has_lost_the_folder_notices_before_each_write_and_never_gets_it_back(
    folder: ResultFolder, write: str
) -> None:
    loser = start(folder, OURS)
    winner = start(folder, AGAIN)
    for _ in range(2):
        with pytest.raises(FolderTaken, match="another start of the job has taken over"):
            getattr(loser, write)()
    loser.give_up()
    winner.check()
    winner.give_up()
    with pytest.raises(FolderTaken):
        loser.check()


@pytest.mark.parametrize("write", ["check", "renew"])
def test_a_renewal_whose_answer_was_lost_loses_no_folder(folder: ResultFolder, write: str) -> None:
    claim = start(folder, OURS)
    known = folder.generation_of(NAME)
    assert known is not None
    folder.replace(NAME, render_claim(replace(OURS, renewals=1)), generation=known)
    getattr(claim, write)()
    claim.renew()
    claim.check()
    claim.give_up()
    assert folder.read(NAME) is None


def test_what_is_no_claim_any_more_is_lost(folder: ResultFolder) -> None:
    claim = start(folder, OURS)
    known = folder.generation_of(NAME)
    assert known is not None
    folder.replace(NAME, b"{}", generation=known)
    with pytest.raises(FolderTaken):
        claim.check()


def test_a_claim_that_somebody_removed_is_lost(folder: ResultFolder) -> None:
    claim = start(folder, OURS)
    folder.delete(NAME)
    with pytest.raises(FolderTaken):
        claim.check()


def test_what_is_no_claim_is_named_with_what_to_do(folder: ResultFolder) -> None:
    folder.replace(NAME, b"{}", generation=0)
    with pytest.raises(Misconfigured, match=r"claim\.json") as refused:
        start(folder, OURS)
    assert "symbolon operator results clear" in refused.value.hint


def test_a_turn_lasts_as_long_as_its_block_and_is_renewed_by_itself(
    folder: ResultFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "RENEWED_EVERY_S", 0.01)
    with Turn() as turn:
        turn.check()  # nothing has begun: nobody can have taken it
        turn.begin(folder, instance_id="1")
        for _ in range(1000):
            if lies_there(folder).renewals >= 2:
                break
        turn.check()
        assert lies_there(folder).renewals >= 2
    assert folder.read(NAME) is None


def test_a_turn_that_was_lost_ends_quietly(folder: ResultFolder) -> None:
    with Turn() as turn:
        turn.begin(folder, instance_id="1")
        start(folder, AGAIN)
        with pytest.raises(FolderTaken):
            turn.check()
    assert lies_there(folder) == AGAIN
