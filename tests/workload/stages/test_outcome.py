"""Answers are given out in the pictures' order, up to the failure that ends the job."""

from __future__ import annotations

from threading import Lock

import numpy as np
import pytest

from attestation.errors import Unavailable
from workload.answers import Answer
from workload.pictures.headers import Unreadable
from workload.stages.outcome import Outcome, tried

ANSWER: Answer = (np.array([1], np.int32), np.array([0.5], np.float32))


def test_answers_that_came_out_of_order_are_taken_in_order() -> None:
    outcome = Outcome(Lock(), 4)
    outcome.add({2: ANSWER, 0: ANSWER})
    assert outcome.take_next() == (0, [ANSWER])
    outcome.add({1: ANSWER})
    assert outcome.take_next() == (1, [ANSWER, ANSWER])
    assert outcome.given == 3


def test_a_picture_that_cannot_be_read_is_its_own_answer() -> None:
    outcome, gone = Outcome(Lock(), 1), Unreadable("gone", "it is gone")
    assert not outcome.fail(0, gone)
    assert outcome.take_next() == (0, [gone])


def test_the_earliest_failure_ends_the_job_and_a_later_one_is_no_news() -> None:
    outcome = Outcome(Lock(), 9)
    later, earlier = Unavailable("later"), Unavailable("earlier")
    assert outcome.fail(5, later)
    assert outcome.fail(1, earlier)
    assert not outcome.fail(3, Unavailable("too late"))
    outcome.add({0: ANSWER})
    assert outcome.take_next() == (0, [ANSWER])
    with pytest.raises(Unavailable) as raised:
        outcome.take_next()
    assert raised.value is earlier


def test_of_an_error_of_a_picture_no_traceback_is_kept() -> None:
    def refuse() -> None:
        raise Unreadable("gone", "it is gone")

    kept = tried(refuse)
    assert isinstance(kept, Unreadable)
    assert (kept.__traceback__, kept.code, str(kept)) == (None, "gone", "it is gone")


@pytest.mark.parametrize("error", [Unavailable("later"), KeyboardInterrupt(), SystemExit(3)])
def test_any_other_failure_is_itself_and_what_succeeds_is_what_was_found(error: BaseException) -> None:
    def fail() -> None:
        raise error

    assert tried(fail) is error
    assert tried(lambda: 7) == 7
