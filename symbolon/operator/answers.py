"""What preflight says of one thing: yes, no, a warning, or that it is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from attestation.errors import ExitCode, printable

from ..judging import ClauseAnswer
from ..rendering import Styled, clause_lines, styled

Standing = Literal["yes", "no", "unknown", "warning"]
Verdict = Literal["admitted", "refused", "unknown"]

EXIT_CODES: Final[Mapping[Verdict, ExitCode]] = {
    "admitted": ExitCode.YES,
    "refused": ExitCode.ANSWERED_NO,
    "unknown": ExitCode.UNKNOWN,
}
_MARKS: Final[Mapping[Standing, tuple[str, str]]] = {
    "yes": ("yes   ✓", "green"),
    "no": ("NO    ✗", "bold red"),
    "unknown": ("UNKN. ?", "bold yellow"),
    "warning": ("WARN  !", "bold yellow"),
}
WORDS_AT: Final = 9
"""The column where the words of an answer begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`asked` is a word for programs; `fix` says who would have to change what."""

    asked: str
    standing: Standing
    says: str
    fix: str = ""
    clauses: tuple[ClauseAnswer, ...] = ()

    def document(self) -> dict[str, object]:
        """The answer as `--format json` shows it."""
        said: dict[str, object] = {"asked": self.asked, "answer": self.standing, "says": self.says}
        if self.fix:
            said["fix"] = self.fix
        if self.clauses:
            said["clauses"] = [clause.document() for clause in self.clauses]
        return said

    def lines(self) -> list[Styled]:
        """The answer for a person: one line, what to do, and the clauses that do not hold."""
        mark, style = _MARKS[self.standing]
        lines = [styled((mark, style), f"  {printable(self.asked)}: {printable(self.says)}")]
        if self.fix:
            lines.append(styled(f"         fix: {printable(self.fix)}"))
        for clause in self.clauses:
            if clause.outcome != "true":
                lines += [styled("  ") + line for line in clause_lines(clause)]
        return lines


def verdict_of(answers: Iterable[Answer]) -> Verdict:
    """What they come to: one no refuses; else what is not known is not known. A warning changes nothing.

    >>> verdict_of([Answer(asked="restarts", standing="warning", says="")])
    'admitted'
    """
    found = {answer.standing for answer in answers}
    if "no" in found:
        return "refused"
    return "unknown" if "unknown" in found else "admitted"
