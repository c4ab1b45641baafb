"""A task beside the main thread: what it gives is held by nobody once another has it."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from attestation.errors import Denied
from workload.beside import Beside


class Client:
    """Stands for one that has the owner's token."""


def test_its_result_is_held_by_whoever_took_it_alone() -> None:
    beside = Beside(Client, name="admission")
    client = beside.take()
    alive = weakref.ref(client)
    del client
    gc.collect()
    assert alive() is None
    with pytest.raises(IndexError):
        beside.take()  # there is no second one


def test_how_it_fails_is_told_to_whoever_takes_its_result() -> None:
    def refuse() -> Client:
        raise Denied("no")

    with pytest.raises(Denied, match="no"):
        Beside(refuse, name="admission").take()


def test_it_runs_in_a_thread_of_its_own() -> None:
    thread = Beside(threading.current_thread, name="import").take()
    assert thread is not threading.current_thread()
    assert thread.name.startswith("import")
