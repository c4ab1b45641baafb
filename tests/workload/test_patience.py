"""A service that does not answer is asked again, and in the end believed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden, ServiceUnavailable, TooManyRequests

from attestation.errors import Denied, Unavailable
from workload import patience
from workload.patience import Patience, for_storage, patiently

ONE_MINUTE = Patience(total_s=60.0, call_s=20.0, attempts=9)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def failing(*failures: Exception) -> tuple[list[int], Callable[[], str]]:
    calls: list[int] = []

    def call() -> str:
        calls.append(1)
        if len(calls) <= len(failures):
            raise failures[len(calls) - 1]
        return "answer"

    return calls, call


def test_it_is_asked_until_it_answers(pauses: list[float]) -> None:
    calls, call = failing(Unavailable("one"), Unavailable("two"))
    assert patiently(call, ONE_MINUTE) == "answer"
    assert len(calls) == 3
    assert len(pauses) == 2


def test_whoever_has_no_patience_hears_the_failure_itself(pauses: list[float]) -> None:
    failure = Unavailable("one")
    calls, call = failing(failure)
    with pytest.raises(Unavailable) as heard:
        patiently(call, Patience(total_s=0.0, call_s=1.0, attempts=9))
    assert (heard.value, len(calls), pauses) == (failure, 1, [])


def test_a_refusal_is_not_asked_again(pauses: list[float]) -> None:
    calls, call = failing(Denied("no"))
    with pytest.raises(Denied):
        patiently(call, ONE_MINUTE)
    assert (len(calls), pauses) == (1, [])


def test_nobody_is_asked_more_often_than_the_patience_says(pauses: list[float]) -> None:
    failures = [Unavailable(str(number)) for number in range(9)]
    calls, call = failing(*failures)
    with pytest.raises(Unavailable) as heard:
        patiently(call, Patience(total_s=60.0, call_s=20.0, attempts=4))
    assert (heard.value, len(calls), len(pauses)) == (failures[3], 4, 3)


def test_pauses_grow_and_differ(pauses: list[float]) -> None:
    many = Patience(total_s=1e9, call_s=20.0, attempts=40)
    with pytest.raises(Unavailable):
        patiently(failing(*[Unavailable("")] * 40)[1], many)
    assert len(set(pauses)) == len(pauses) == 39
    assert max(pauses[:3]) < max(pauses[5:]) <= 8.0


def test_cloud_storage_is_asked_again_where_that_can_help_and_never_more_often(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "STORAGE", Patience(total_s=60.0, call_s=7.0, attempts=3))
    kinds: list[tuple[Any, int]] = [(ServiceUnavailable, 3), (TooManyRequests, 3), (Forbidden, 1)]
    for kind, asked in kinds:
        calls, call = failing(*[kind("no")] * 9)
        asking = for_storage()
        with pytest.raises(kind):
            asking["retry"](call)()
        assert (len(calls), asking["timeout"]) == (asked, 7.0)


def test_every_service_has_an_end() -> None:
    for each in (patience.SERVICES, patience.STORAGE, patience.METADATA):
        assert 0 < each.call_s <= each.total_s <= 120
        assert each.attempts <= 30
