"""The story on a terminal, where it fits two screens; or one JSON object a line, for a program."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from attestation.errors import printable

from ..rendering import OUTCOMES, Styled, console, styled
from .events import Closing, Doing, Event, Opening, Prepared, Recorded, Scene, Sealed

_DIGEST = re.compile(r"(sha256:[0-9a-f]{8})[0-9a-f]{56}")
_INDENT = " " * 9
_NOT_PROVEN = (
    "Not proven here: that memory is encrypted and that the evidence is genuine.\n"
    "The emulator plays Google and signs with keys of its own; a production policy refuses all that it signs."
)


class Teller:
    """Says each event on standard output; what takes a while is shown on a terminal's standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._terminal = console()
        self._status: Status | None = None
        errors = Console(stderr=True)
        if not as_json and errors.is_terminal:
            self._status = errors.status("")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._be_done()

    def say(self, event: Event) -> None:
        """The event has been told."""
        if self._as_json:
            sys.stdout.write(json.dumps(render_event(event)) + "\n")
            sys.stdout.flush()
            return
        # Two consoles on one terminal: what one of them draws, the other would write into.
        self._be_done()
        match event:
            case Doing():
                if self._status is not None:
                    self._status.update(f"{event.what} …")
                    self._status.start()
            case Opening():
                self._open(event)
            case Prepared():
                self._terminal.print(f"  {event.party:<9} {shortened_digests(event.what)}")
            case Scene():
                self._play(event)
            case Sealed():
                self._terminal.print(_receipt_line(event))
            case Recorded():
                self._terminal.print(_log_line(event))
            case Closing():
                self._close(event)

    def _be_done(self) -> None:
        if self._status is not None:
            self._status.stop()

    def _open(self, event: Opening) -> None:
        self._terminal.print("Google is played on this machine, by an emulator.")
        if event.sandbox == "bubblewrap":
            self._terminal.print("The workload runs in bubblewrap, without any network of its own.\n")
        else:
            self._terminal.print(f"The workload runs bare, its only way out a proxy: {event.why}.\n")

    def _play(self, scene: Scene) -> None:
        sign = ("YES ✓", "bold green") if scene.outcome == "yes" else ("NO  ✗", "bold red")
        if scene.begins_chapter:
            self._terminal.print()
        self._terminal.print(styled(sign, f"  {scene.step}. {scene.title}"))
        for picture in scene.pictures:
            self._terminal.print(
                f"{_INDENT}{picture.picture:<20} {printable(picture.label):<14} {picture.score:.2f}"
            )
        if scene.words:
            ended = f" (exit code {scene.exit_code})" if scene.exit_code else ""
            self._tell(f"{scene.by}: ", f"{scene.words}{ended}")
        for clause in scene.clauses:
            self._tell(f"{OUTCOMES[clause.outcome]:<6}", clause.reason)
        if not scene.as_told:
            self._terminal.print(styled(_INDENT, ("NOT AS TOLD", "bold"), f", expected: {scene.expected}"))

    def _tell(self, lead: str, text: str) -> None:
        """`text` after `lead`, on a narrow terminal with its further lines below its first."""
        line = _INDENT + lead + shortened_digests(printable(text))
        self._terminal.print(line, hang=len(_INDENT + lead))

    def _close(self, event: Closing) -> None:
        verdict = "everything came out as told" if event.as_told else "NOT everything came out as told"
        answers = f"{event.yes} yes, {event.no} no"
        self._terminal.print(styled("\n", (f"{answers}: {verdict}", "bold"), f", in {event.seconds:.0f} s."))
        self._terminal.print(_NOT_PROVEN, hang=0)
        if event.kept is None:
            self._terminal.print("To look around in it afterwards: symbolon demo --keep DIR")
            return
        kept = event.kept
        token = "emulator/instances/secundus/debug-vm/container_launcher/attestation_verifier_claims_token"  # noqa: S105
        self._terminal.print(f"\nEverything of it is in {kept}, the emulator's audit log as well:", hang=0)
        commands = (
            f"  cd {kept}\n"
            f"  symbolon auditor explain --policy condition.cel --jwks jwks.json --at {event.at} \\\n"
            f"    --token {token}\n"
            "  symbolon emulator up --state emulator"
        )
        self._terminal.print(styled(commands, whole=True))


def _receipt_line(event: Sealed) -> Styled:
    if not event.verified:
        return styled("\n", ("RECEIPT ✗", "bold red"), f"  of the first job: {printable(event.why)}")
    image = shortened_digests(event.image)
    manifest = shortened_digests(event.manifest)
    said = f"  verified (emulator): {image} ran manifest {manifest} and gave these {event.pictures} rows"
    return styled("\n", ("RECEIPT ✓", "bold green"), said)


def _log_line(event: Recorded) -> Styled:
    if not event.verified:
        return styled(("LOG ✗", "bold red"), f"  of the broker: {printable(event.why)}")
    said = f"  verified: {event.entries} entries, {event.released} releases, and nothing was taken back"
    return styled(("LOG ✓", "bold green"), said)


def render_event(event: Event) -> dict[str, object]:
    """The event as one JSON object; `event` names its kind, and each kind always has the same keys."""
    document: dict[str, object] = {"event": type(event).__name__.lower()}
    if isinstance(event, Scene):
        clauses = [clause.document() for clause in event.clauses]
        return document | asdict(event) | {"clauses": clauses, "seconds": round(event.seconds, 2)}
    if isinstance(event, Closing):
        kept = None if event.kept is None else str(event.kept)
        return document | asdict(event) | {"kept": kept, "seconds": round(event.seconds, 2)}
    return document | asdict(event)


def shortened_digests(text: str) -> str:
    """`text` with the first eight digits of each digest.

    >>> shortened_digests("sha256:" + "0" * 64)
    'sha256:00000000…'
    """
    return _DIGEST.sub(r"\1…", text)
