"""What `symbolon auditor log verify` answers: whether a broker's log is whole, and the one that it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attestation.digests import Digest
from attestation.errors import ExitCode, Misconfigured, NotKnown, printable, quoted
from contract.checkpoint import decode_checkpoint
from contract.dsse import PublicKey
from contract.signed_note import NoteKey

from ..handed_tokens import moment
from ..progress import patience
from ..rendering import Styled, console, print_json, styled
from ..whole_files import write
from .log_checks import LogDemand, LogVerdict, Step, Taken, verify_log
from .log_reading import MOST_CHECKPOINT_BYTES
from .log_sources import open_log

_SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "pass": ("pass  ✓", "green"),
    "fail": ("FAIL  ✗", "bold red"),
    "unknown": ("UNKN. ?", "bold yellow"),
    "not-asked": ("-      ", "dim"),
    "not-reached": ("       ", "dim"),
}
_KINDS: Final = {"release": "released", "renew": "renewed", "return": "returned", "order": "ordered"}


def verify(
    *,
    log: str,
    kept: Path | None,
    key: PublicKey | None,
    pins: Sequence[Digest],
    witness: NoteKey | None,
    output: str,
) -> ExitCode:
    """The verdict stands on standard output; where the log is whole and signed, `kept` has its checkpoint.

    Raises:
        Misconfigured: an input cannot be read, or the file cannot be written.
        Unavailable: the log does not answer.
    """
    demand = LogDemand(key=key, kept=_read_kept(kept), witness=witness)
    with open_log(log, pins=pins) as source, patience("reading the log"):
        verdict = verify_log(source, demand)
    keeps = kept is not None and verdict.may_be_kept
    if kept is not None and keeps:
        write(kept.parent, {kept.name: verdict.text})
    refused = None if kept is None or keeps else _write_refused(kept, verdict)
    if output == "json":
        print_json(_document(verdict, keeps=keeps))
    else:
        for line in _lines(verdict):
            console().print(line)
        if kept is not None and keeps:
            console().print(f"\nkept in {printable(str(kept))}")
        if refused is not None:
            console().print(f"\nwhat the log shows now is in {printable(str(refused))}")
    return ExitCode.YES if verdict.why is None else verdict.why.exit_code


def _read_kept(kept: Path | None) -> str | None:
    """What was kept; None where nothing is yet."""
    if kept is None:
        return None
    try:
        with kept.open("rb") as file:
            return decode_checkpoint(file.read(MOST_CHECKPOINT_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise Misconfigured(
            f"cannot read {quoted(str(kept))}: {reason}", hint="name the file that keeps the last checkpoint"
        ) from None


def _write_refused(kept: Path, verdict: LogVerdict) -> Path | None:
    """The checkpoint that contradicts the one that is kept, in a file beside it: both are signed."""
    outcomes = {each.step: each.outcome for each in verdict.steps}
    if (outcomes[Step.SIGNED], outcomes[Step.KEPT]) != ("pass", "fail"):
        return None
    refused = kept.with_name(f"{kept.name}.refused")
    write(refused.parent, {refused.name: verdict.text})
    return refused


def word_of(verdict: LogVerdict) -> str:
    """`verified`, `rejected` or `open`."""
    if verdict.why is None:
        return "verified"
    return "open" if isinstance(verdict.why, NotKnown) else "rejected"


def _document(verdict: LogVerdict, *, keeps: bool) -> dict[str, object]:
    checkpoint, why = verdict.checkpoint, verdict.why
    return {
        "verdict": word_of(verdict),
        "log": None
        if checkpoint is None
        else {"origin": checkpoint.origin, "entries": checkpoint.size, "root": checkpoint.root.hex()},
        "steps": [
            {"step": each.step.value, "outcome": each.outcome, "said": each.said} for each in verdict.steps
        ],
        "counted": dict(verdict.kinds),
        "first_at": verdict.first_at,
        "last_at": verdict.last_at,
        "witnessed_at": verdict.witnessed_at,
        "kept": keeps,
        "why": None if why is None else {"code": why.code, "message": why.message, "hint": why.hint},
    }


def _lines(verdict: LogVerdict) -> list[str | Styled]:
    lines: list[str | Styled] = [_headline(verdict)]
    if verdict.checkpoint is not None:
        lines.append(printable(f"log      {verdict.checkpoint.origin}"))
    if verdict.kinds:
        counted = (f"{verdict.kinds[kind]} {word}" for kind, word in _KINDS.items() if verdict.kinds[kind])
        lines.append(f"entries  {', '.join(counted)}")
    if verdict.first_at is not None and verdict.last_at is not None:
        lines.append(f"from     {moment(verdict.first_at)} to {moment(verdict.last_at)}, by its own clock")
    if verdict.witnessed_at is not None:
        lines.append(
            f"seen     {moment(verdict.witnessed_at)}, by the witness's clock; nothing is said of later"
        )
    lines += ["", *(_step_line(each) for each in verdict.steps)]
    if verdict.why is not None and verdict.why.hint:
        lines += ["", f"hint: {printable(verdict.why.hint)}"]
    return lines


def _headline(verdict: LogVerdict) -> Styled:
    size = 0 if verdict.checkpoint is None else verdict.checkpoint.size
    if verdict.why is None:
        return styled(("VERIFIED", "bold green"), f"  {size} entries, all there, and nothing was taken back")
    is_open = isinstance(verdict.why, NotKnown)
    code = "in order, but " if is_open else f"{verdict.why.code}: "
    style = "bold yellow" if is_open else "bold red"
    return styled((word_of(verdict).upper(), style), f"  {code}{printable(verdict.why.message)}")


def _step_line(taken: Taken) -> Styled:
    sign, style = _SIGNS[taken.outcome]
    said = taken.said or ("not reached" if taken.outcome == "not-reached" else "")
    return styled((sign, style), f"  {taken.step.value:<12} {printable(said)}")
