"""Threads that take tasks from the stages of a stream, under one lock: who has something to do is woken."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import Condition, Lock, Thread
from typing import Protocol

Settle = Callable[[], None]
"""Notes what came of a task; called with the lock held."""
Task = Callable[[], Settle]


class Rules(Protocol):
    """When a stage has something to do, and what; asked with the lock held."""

    def may(self) -> bool:
        """There is a task now."""

    def take(self) -> Task:
        """The task, which is nobody else's from now on."""

    def left_s(self) -> float | None:
        """There may be one after so many seconds without anything else happening; None: there will not."""


class Stage:
    """The threads that follow one stage's rules."""

    def __init__(self, rules: Rules, lock: Lock, *, name: str) -> None:
        self.rules = rules
        self.name = name
        self.threads: list[Thread] = []
        self.ready = Condition(lock)
        self.idle = 0
        self._timed = 0  # of the idle ones
        self.woken = False  # and not running yet; who is woken looks for more to do, and wakes the next

    def has_work_for_another(self) -> bool:
        """A thread sleeps that could have a task, or keep the time of one to come; and none is on its way."""
        return self.idle > 0 and not self.woken and (self.rules.may() or self._lacks_timer())

    def _lacks_timer(self) -> bool:
        """There will be something to do after a while, and nobody sleeps that long."""
        return self._timed == 0 and self.rules.left_s() is not None

    def wait(self) -> None:
        """This thread has slept until it was woken, or until its stage's time has come."""
        left_s = self.rules.left_s()
        self.idle += 1
        self._timed += left_s is not None
        self.ready.wait(left_s)
        self._timed -= left_s is not None
        self.idle -= 1
        self.woken = False


class Workers:
    """Every stage's threads. `tell` is called, with the lock held, after every change."""

    def __init__(self, lock: Lock, *, tell: Callable[[], None]) -> None:
        self.stages: list[Stage] = []
        self._lock = lock
        self._tell = tell
        self._closed = False

    def add(self, rules: Rules, *, name: str) -> Stage:
        """A further stage, without threads yet; called with the lock held once there are any."""
        stage = Stage(rules, self._lock, name=name)
        self.stages.append(stage)
        return stage

    def start(self, stage: Stage, count: int) -> None:
        """`count` threads more work for the stage."""
        for _ in range(count):
            thread = Thread(target=self._work_on, args=(stage,), name=stage.name, daemon=True)
            thread.start()
            stage.threads.append(thread)

    def wake(self) -> None:
        """After a change: one thread of each stage that has something to do is woken; the lock is held."""
        for stage in self.stages:
            if stage.has_work_for_another():
                stage.woken = True
                stage.ready.notify()
        self._tell()

    def close(self, *, wait_for: Collection[Stage]) -> None:
        """No thread takes another task, and those of these stages have ended."""
        with self._lock:
            self._closed = True
            for stage in self.stages:
                stage.ready.notify_all()
        for stage in wait_for:
            for thread in stage.threads:
                thread.join()

    def _work_on(self, stage: Stage) -> None:
        settle: Settle | None = None
        while True:
            with self._lock:
                if settle is not None:
                    settle()
                    settle = None
                while not self._closed and not stage.rules.may():
                    self.wake()
                    stage.wait()
                if self._closed:
                    return
                task = stage.rules.take()
                self.wake()
            settle = task()
            del task
