"""What was looked at, what is there, and what to do about what is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from attestation.errors import ExitCode

from ..rendering import console, print_json, printable_lines, styled


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that has to be so; `fix` is a line to type where it is not."""

    what: str
    is_well: bool
    says: str
    fix: str = ""


def show(checks: Sequence[Check], *, party: str, project: str, output: str) -> ExitCode:
    """Every check stands on standard output; the answer is misconfigured as soon as one is not well."""
    ready = all(check.is_well for check in checks)
    if output == "json":
        shown = [asdict(check) for check in checks]
        print_json({"party": party, "project": project, "ready": ready, "checks": shown})
    else:
        _print(checks, party=party, project=project)
    return ExitCode.YES if ready else ExitCode.MISCONFIGURED


def _print(checks: Iterable[Check], *, party: str, project: str) -> None:
    terminal = console()
    terminal.print(styled((f"the {party} in project {project or '(none)'}", "bold")))
    missing = 0
    for check in checks:
        missing += not check.is_well
        word = ("ok     ", "green") if check.is_well else ("MISSING", "bold red")
        terminal.print(styled(word, f"  {printable_lines(check.what)}: {printable_lines(check.says)}"))
        if check.fix:
            terminal.print(styled(f"         fix: {printable_lines(check.fix)}", whole=True))
    verb = "is" if missing == 1 else "are"
    terminal.print(f"{missing} of these {verb} missing" if missing else "everything is there")
