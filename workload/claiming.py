"""One start of a job writes into its folder at a time: `claim.json` says which.

The rules, in order:
- Who finds no claim makes one. Who finds one of its own instance takes it over at once: that start was
  killed.
- Who finds another instance's watches it. If it is renewed meanwhile, that instance is at work, and this
  start ends; if it is not for `ABANDONED_AFTER_S` seconds, this start takes it over.
- Whoever holds the claim renews it every `RENEWED_EVERY_S` seconds, and looks at it before each write. Who
  has lost it writes nothing more, not even why.
- At its end, good or bad, a start gives the claim up.

Every change has the generation that was read as its condition, so of two starts one alone succeeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from secrets import token_hex
from threading import Event, Lock, Thread

from attestation.errors import Misconfigured, SymbolonError, quoted
from contract import claim as claims
from contract.claim import ABANDONED_AFTER_S, RENEWED_EVERY_S, parse_claim, render_claim
from contract.job import CLEAR

from .reporting import say
from .results import ResultFolder

_LOOKS_EVERY_S = 10.0


class FolderTaken(Misconfigured):
    """Another start works in the folder: nothing may be written there, not even that."""


class Claim:
    """The claim of this start, which it holds as long as nobody has taken it over."""

    def __init__(self, folder: ResultFolder, claim: claims.Claim, generation: int) -> None:
        self._folder = folder
        self._claim = claim
        self._generation = generation
        self._lost = False
        self._lock = Lock()

    def check(self) -> None:
        """This start still holds the claim.

        Raises:
            FolderTaken: it does not.
            Denied, Unavailable: nobody can tell.
        """
        with self._lock:
            self._lost = self._lost or not self._is_ours()
            if self._lost:
                raise self._taken()

    def renew(self) -> None:
        """The claim has another content, if this start still holds it.

        Raises:
            FolderTaken: it does not.
            Denied, Unavailable: it could not be written.
        """
        with self._lock:
            renewed = replace(self._claim, renewals=self._claim.renewals + 1)
            generation = None
            if not self._lost:
                generation = self._folder.replace(
                    claims.NAME, render_claim(renewed), generation=self._generation
                )
            if generation is None:
                self._lost = True
                raise self._taken()
            self._claim, self._generation = renewed, generation

    def give_up(self) -> None:
        """Nobody has to wait for this start any more."""
        with self._lock:
            if not self._lost:
                self._lost = True
                self._folder.delete(claims.NAME, generation=self._generation)

    def _is_ours(self) -> bool:
        """What lies there is this start's: as it knows it, or a renewal whose answer it never got."""
        if self._folder.generation_of(claims.NAME) == self._generation:
            return True
        found = self._folder.read(claims.NAME)
        if found is None:
            return False
        try:
            claim = parse_claim(found[0], hint="")
        except Misconfigured:
            return False
        if claim.start_id != self._claim.start_id:
            return False
        self._claim, self._generation = claim, found[1]
        return True

    def _taken(self) -> FolderTaken:
        return FolderTaken(
            f"another start of the job has taken over RESULT_URI `{self._folder.uri}`",
            hint="this one writes nothing more; look after the other one, or stop it and start again",
        )


class Turn:
    """This start's turn in the operator's folder, from `begin` to the end of the block."""

    def __init__(self) -> None:
        self._claim: Claim | None = None
        self._ended = Event()

    def begin(self, folder: ResultFolder, *, instance_id: str) -> None:
        """The folder is this start's, and stays so by a thread that renews the claim.

        Raises:
            FolderTaken: another instance is at work in it.
            Misconfigured: `claim.json` is no claim; or see `storage_failures`.
            Denied, Unavailable: see `storage_failures`.
        """
        self._claim = take(folder, claims.Claim(instance_id=instance_id, start_id=token_hex(16)))
        Thread(target=_keep, args=(self._claim, self._ended), name="claim", daemon=True).start()

    def check(self) -> None:
        """Nobody else has the folder, as far as this start has begun in it; raises as `Claim.check`."""
        if self._claim is not None:
            self._claim.check()

    def may_tell(self, folder: ResultFolder) -> bool:
        """This start has the folder; or it has not come to that, and nobody has, so it may say why.

        Raises:
            FolderTaken, Denied, Unavailable: as `Claim.check`.
        """
        self.check()
        return self._claim is not None or folder.generation_of(claims.NAME) is None

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._claim is not None:
            with suppress(SymbolonError):  # then others wait until it is old
                self._claim.give_up()


def take(
    folder: ResultFolder,
    ours: claims.Claim,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Claim:
    """The folder is claimed for `ours`; raises as `Turn.begin` does. `clock` is in seconds."""
    watched: int | None = None
    since = clock()
    while True:
        found = folder.read(claims.NAME)
        held_by = None if found is None else parse_claim(found[0], hint=CLEAR.format(folder=folder.uri))
        generation = 0 if found is None else found[1]
        if held_by is not None and held_by.instance_id != ours.instance_id:
            if watched is None:
                watched, since = generation, clock()
                say(
                    f"another instance has claimed RESULT_URI; waiting {ABANDONED_AFTER_S:.0f} s whether it"
                    " is still at work"
                )
            if generation != watched:
                raise FolderTaken(
                    f"instance {quoted(held_by.instance_id)} is at work in RESULT_URI `{folder.uri}`",
                    hint="let it finish, or stop it first; or name another folder",
                )
            if clock() - since < ABANDONED_AFTER_S:
                pause(_LOOKS_EVERY_S)
                continue
        taken = folder.replace(claims.NAME, render_claim(ours), generation=generation)
        if taken is not None:
            return Claim(folder, ours, taken)


def _keep(claim: Claim, ended: Event) -> None:
    while not ended.wait(RENEWED_EVERY_S):
        try:
            claim.renew()
        except FolderTaken:
            return  # whoever writes next is told so
        except SymbolonError:
            continue
