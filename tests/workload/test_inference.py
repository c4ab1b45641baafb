"""The list of steps is the protocol's, and what one step gives is held by nobody once the next has it."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from attestation.errors import Denied
from workload.inference import Step, _Beside
from workload.timings import Timings


class Client:
    """Stands for one that has the owner's token."""


def test_the_steps_are_ten_and_in_order() -> None:
    assert [step.value for step in Step] == [
        *("measure", "attest", "exchange", "impersonate", "fetch"),
        *("verify", "load", "infer", "write", "seal"),
    ]


def test_a_task_beside_others_has_its_span_and_its_result_is_held_by_whoever_took_it_alone() -> None:
    timings = Timings(started=0.0)
    beside = _Beside(Client, timings, "admission")
    client = beside.take()
    assert "admission" in timings.so_far().steps
    alive = weakref.ref(client)
    del client
    gc.collect()
    assert alive() is None
    with pytest.raises(IndexError):
        beside.take()  # there is no second one


def test_how_a_task_fails_is_told_to_whoever_takes_its_result() -> None:
    def refuse() -> Client:
        raise Denied("no")

    with pytest.raises(Denied, match="no"):
        _Beside(refuse, Timings(started=0.0), "admission").take()


def test_a_task_runs_in_a_thread_of_its_own() -> None:
    beside = _Beside(threading.current_thread, Timings(started=0.0), "import")
    thread = beside.take()
    assert thread is not threading.current_thread()
    assert thread.name.startswith("import")
