"""A service that does not answer is asked again, and in the end believed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from attestation.errors import Denied, Unavailable
from workload.patience import patiently


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
    assert patiently(call, patience_s=60.0) == "answer"
    assert len(calls) == 3
    assert len(pauses) == 2


def test_whoever_has_no_patience_hears_the_failure_itself(pauses: list[float]) -> None:
    failure = Unavailable("one")
    calls, call = failing(failure)
    with pytest.raises(Unavailable) as heard:
        patiently(call, patience_s=0.0)
    assert (heard.value, len(calls), pauses) == (failure, 1, [])


def test_a_refusal_is_not_asked_again(pauses: list[float]) -> None:
    calls, call = failing(Denied("no"))
    with pytest.raises(Denied):
        patiently(call, patience_s=60.0)
    assert (len(calls), pauses) == (1, [])
