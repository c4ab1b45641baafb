"""What an audit says of an image: whether it is what its sources make, and what that answer rests on.

*Reproduced* is said of a digest alone: the image was built again, and its manifest has the same one. Where it
was not, every file may have a source that was compared: *accounted for*. Both are said by `conclude` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from attestation.digests import Digest
from attestation.errors import ExitCode
from deploy.accounting import Accounting, Unaccounted
from deploy.comparing import Compared
from deploy.expected import Expected
from policy.wording import listed

from ..reports.report import Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The image, built again by a tool on a base, to a digest; `compared` where that is another one."""

    digest: Digest
    tool: str
    base: str
    compared: Compared | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was found out of where an image comes from: it was built again, or accounted for.

    `sources` are the checkout, the terms and the root, in words. `known` are images that the auditor vouches
    for, `lock` says how many wheels were compared.
    """

    digest: Digest
    sources: tuple[str, ...]
    rebuilt: Rebuilt | None = None
    accounting: Accounting | None = None
    known: tuple[str, ...] = ()
    lock: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """The sources make this image, to the last byte, by what it `rests_on`."""

    digest: Digest
    rests_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountedFor:
    """It was not built again, and every file is as its source has it, by what it `rests_on`."""

    digest: Digest
    rests_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """Something in the image is not as the sources have it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReproduced:
    """Nothing was found that differs, and not all could be compared."""

    word: str
    reason: str


Answer = Reproduced | AccountedFor | Differs | NotReproduced

BASE_NOT_REPRODUCED: Final = "base not reproduced"
_SHOWN: Final[Mapping[type, tuple[str, Tone, ExitCode]]] = {
    Reproduced: ("reproduced", "good", ExitCode.YES),
    AccountedFor: ("accounted for", "good", ExitCode.YES),
    Differs: ("differs", "bad", ExitCode.ANSWERED_NO),
    NotReproduced: ("not reproduced", "warn", ExitCode.UNKNOWN),
}


def conclude(evidence: Evidence) -> Answer:
    """What the evidence amounts to; every `Reproduced` and every `AccountedFor` is made here."""
    rebuilt, accounting = evidence.rebuilt, evidence.accounting
    if rebuilt is not None:
        if rebuilt.digest == evidence.digest:
            rests_on = (f"built again by {rebuilt.tool}", f"on {rebuilt.base}", *evidence.sources)
            return Reproduced(digest=evidence.digest, rests_on=rests_on)
        return _of_another(rebuilt)
    if accounting is None:
        return NotReproduced(word="not reproduced", reason="it was neither built again nor compared")
    if accounting.differs:
        counts = {
            "in our files": len(accounting.ours),
            "in packages": len(accounting.wheels),
            "in settings": len(accounting.settings),
        }
        said = [f"{count} {whose}" for whose, count in counts.items() if count]
        return Differs(reason=f"differences from the sources: {listed(said, 'and')}")
    if accounting.unaccounted:
        open_ = listed([_counted(each) for each in accounting.unaccounted], "and")
        return NotReproduced(
            word=BASE_NOT_REPRODUCED, reason=f"nothing differs, and without a source are {open_}"
        )
    compiled = (f"bytecode compiled again by {accounting.compiler}",)
    rests_on = (*evidence.sources, evidence.lock, *evidence.known, *compiled)
    return AccountedFor(digest=evidence.digest, rests_on=tuple(filter(None, rests_on)))


def _of_another(rebuilt: Rebuilt) -> Answer:
    compared = rebuilt.compared
    by = f"{rebuilt.tool} makes `{rebuilt.digest}`"
    if compared is None:
        return NotReproduced(word="not reproduced", reason=f"{by}, which was not compared")
    if compared.files or compared.configuration:
        counts = {"in files": len(compared.files), "in settings": len(compared.configuration)}
        said = [f"{count} {what}" for what, count in counts.items() if count]
        return Differs(reason=f"{by}; differences: {listed(said, 'and')}")
    return NotReproduced(
        word="not reproduced",
        reason=f"{by}; no file and no setting differs, only how they were written down: another tool, another"
        " version of it, or another name of the base",
    )


def _counted(each: Unaccounted) -> str:
    return f"{each.what} ({each.count:,})"


def word_of(answer: Answer) -> str:
    """The answer in one or two words."""
    return answer.word if isinstance(answer, NotReproduced) else _SHOWN[type(answer)][0]


def tone_of(answer: Answer) -> Tone:
    return _SHOWN[type(answer)][1]


def exit_code_of(answer: Answer) -> ExitCode:
    return _SHOWN[type(answer)][2]


def said_of(answer: Answer) -> str:
    """The answer as a sentence."""
    match answer:
        case Reproduced():
            return "the sources make this image, to the last byte"
        case AccountedFor():
            return "it was not built again; every file in it is as its source has it"
        case Differs() | NotReproduced():
            return answer.reason


def stray_of(expected: Expected) -> str:
    """What is wrong with the checkout's list of files; "" where it is what the program imports."""
    parts = []
    if expected.stray:
        parts.append(f"the Dockerfile copies what nothing imports: {listed(list(expected.stray[:5]), 'and')}")
    if expected.absent:
        parts.append(f"it does not copy what is imported: {listed(list(expected.absent[:5]), 'and')}")
    return "; ".join(parts)
