"""What `symbolon operator watch` shows: the VM's lines as they come, how far the job is, and how it ended.

The VM is not ours to hold: whoever stops watching leaves it running, and is told what it goes on to do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from attestation.errors import ExitCode, NotKnown, SymbolonError, Unavailable, printable
from contract.results import ERROR_NAME, JobError, parse_error
from contract.uris import parse_folder_uri
from deploy.confidential_vm import ConfidentialVm, describe, metadata_of, watch
from deploy.google_api import GoogleApi, NotFound

from ..judging import Judgement, judge
from ..policies import NamedPolicy
from ..rendering import Styled, clause_lines, columns, console, print_json, styled
from ..result_folders import open_result_folder, read_object
from .reaching import needing
from .serial_lines import ALIKE, End, Line, SerialLines

VIEWER: Final = "roles/compute.viewer"
_RESULTS: Final = "tee-env-RESULT_URI"
_STYLES: Final = {"ERROR": "bold red", "WARNING": "bold yellow"}
_BAR: Final = 30
_RATES: Final = ("pictures_per_second", "images_per_second")
_FAMILIES: Final = {
    "bug": ExitCode.BUG,
    "evidence-rejected": ExitCode.REFUSED,
    "denied": ExitCode.REFUSED,
    "unavailable": ExitCode.UNAVAILABLE,
    "not-known": ExitCode.UNKNOWN,
    "misconfigured": ExitCode.MISCONFIGURED,
}


def watch_vm(
    api: GoogleApi, vm: ConfidentialVm, *, policies: Sequence[NamedPolicy] = (), output: str
) -> ExitCode:
    """Every line of the VM has been shown until its job ended; the job's own exit code.

    After a refusal, the clauses of `policies` that refused are shown, where the job left its token's claims.

    Raises:
        NotFound: there is no such VM.
        Unavailable: the VM was switched off before its job ended.
        NotKnown: nothing says how the job ended.
        Denied: the VM may not be looked at.
    """
    with needing(VIEWER, vm.project_id):
        results = metadata_of(describe(api, vm)).get(_RESULTS, "")
    screen = Screen(as_json=output == "json")
    lines = SerialLines()
    try:
        for piece in watch(api, vm):
            for line in lines.read(piece):
                screen.show(line)
            if lines.holds or lines.ended_alike:
                break
    except KeyboardInterrupt:
        screen.close()
        sys.stderr.write("\n")
        _say_that_it_goes_on(vm)
        raise
    screen.close()
    if lines.holds or lines.ended_alike:
        _say_that_it_goes_on(vm, alike=lines.ended_alike)
    if not lines.ends:
        raise Unavailable(
            f"`{vm.name}` was switched off before its job ended",
            hint="launch it again: the job goes on where it was",
        )
    end = lines.ends[-1]
    error = None if end.exit_code == 0 or end.by == "launcher" else read_job_error(results)
    claims = lines.claims
    # One that a start before this one has left would explain something else.
    if error is not None and end.message in ("", error.message):
        claims = claims or error.claims
    judged = [(policy, judge(policy, claims)) for policy in policies] if claims is not None else []
    return _conclude(end, error, judged, as_json=output == "json")


class Screen:
    """Where lines go: standard output, with progress in one line of standard error on a terminal."""

    def __init__(self, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._as_json = as_json
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._bar = False

    def show(self, line: Line) -> None:
        """The line stands there."""
        if self._as_json:
            self._out.write(json.dumps(line.document(), ensure_ascii=False) + "\n")
            self._out.flush()
            return
        if "done" in line.fields and "total" in line.fields and self._err.isatty():
            self._err.write("\r" + progress_of(line))
            self._err.flush()
            self._bar = True
            return
        self.close()
        what = line.fields.get("step", "") if line.source == "workload" else "launcher"
        severity = line.severity if line.severity in ("INFO", *_STYLES) else "INFO"
        said = progress_of(line) if _rate_of(line) else printable(_words_of(line))
        text = f"{severity:<8}{printable(str(what)):<12}{said}"
        style = _STYLES.get(severity, "dim" if line.source == "launcher" else "")
        console().print(styled((text, style)))
        self._out.flush()

    def close(self) -> None:
        """What comes next begins a line of its own."""
        if self._bar:
            self._err.write("\n")
            self._bar = False


def progress_of(line: Line) -> str:
    """How far the job is: a bar, pictures a second, and the time that is left.

    >>> progress_of(Line(source="workload", severity="INFO", message="", fields={"done": 1, "total": 2}))
    '███████████████░░░░░░░░░░░░░░░ 1 of 2 pictures'
    """
    done, total = _number(line, "done"), _number(line, "total")
    filled = "█" * int(_BAR * min(done, total) / max(total, 1))
    said = f"{filled:░<{_BAR}} {done:.0f} of {total:.0f} pictures"
    if rate := _rate_of(line):
        said += f", {_number(line, rate):.1f} a second"
    if "seconds_left" in line.fields:
        said += f", {_duration(_number(line, 'seconds_left'))} left"
    return said


def _words_of(line: Line) -> str:
    """The line's words; of a launcher that ends, what becomes of the VM too; of timings, each step's."""
    steps = line.fields.get("steps")
    if line.source == "workload" and isinstance(steps, dict):
        took = [f"{step} {end - began:.1f} s" for step, (began, end) in _spans_of(steps)]
        return f"{line.message}: {', '.join(took)}" if took else line.message
    meaning = line.fields.get("exit_msg", "") if line.source == "launcher" else ""
    return f"{line.message}: {meaning}" if meaning else line.message


def _spans_of(steps: Mapping[str, Any]) -> Iterator[tuple[str, tuple[float, float]]]:
    """When each step that has ended began and ended, as far as the image says it with numbers."""
    for step, span in steps.items():
        if isinstance(span, list) and len(span) == 2 and all(type(each) in (int, float) for each in span):
            yield step, (span[0], span[1])


def _rate_of(line: Line) -> str:
    """The field that says how many a second; "" where none does."""
    return next((name for name in _RATES if name in line.fields), "")


def _number(line: Line, name: str) -> float:
    value = line.fields.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def read_job_error(results: str) -> JobError | None:
    """What the job left in `error.json`; None where it left none, or it cannot be read."""
    try:
        folder = open_result_folder(str(parse_folder_uri(results, where="RESULT_URI")))
        data = read_object(folder, ERROR_NAME)
        return None if data is None else parse_error(data.decode("utf-8", "replace"))
    except SymbolonError:
        return None


def _conclude(
    end: End,
    error: JobError | None,
    judged: Sequence[tuple[NamedPolicy, Judgement]],
    *,
    as_json: bool,
) -> ExitCode:
    """How the job ended is shown, and why; its exit code.

    Raises:
        NotKnown: nothing says it.
    """
    code = _code_of(end, error)
    # The log's last word is this start's own; `error.json` may be an earlier one's.
    message, hint = end.message, end.hint or _hint_of_launcher(end)
    if not message and error is not None:
        message, hint = error.message, error.hint
    if as_json:
        ended: dict[str, Any] = {"exit_code": int(code), "by": end.by, "message": message, "hint": hint}
        if judged:
            ended["why"] = [judgement.document() for _, judgement in judged]
        sys.stdout.write(json.dumps({"ended": ended}, ensure_ascii=False) + "\n")
        return code
    terminal = console()
    if code == ExitCode.YES:
        terminal.print(styled(("ENDED ✓", "bold green"), "  every picture has its row"))
        return code
    terminal.print(styled(("ENDED ✗", "bold red"), f"  exit code {code:d}: {printable(message)}"))
    if hint:
        terminal.print(f"hint: {printable(hint)}")
    for policy, judgement in judged:
        terminal.print()
        for line in _why(policy, judgement):
            terminal.print(line)
    return code


def _why(policy: NamedPolicy, judgement: Judgement) -> Iterator[Styled]:
    """What of the policy said no; where it admits the token, that somebody else did."""
    if judgement.admitted:
        words = f"  not for {policy.described}, which admits this token: what stands above is the reason"
        yield styled(("WHY", "bold"), words)
        return
    failing = judgement.failing
    count = f"{len(failing)} of {len(judgement.clauses)} clauses of {policy.described}"
    yield styled(("WHY", "bold"), f"  {count if failing else printable(judgement.unknown)}")
    for clause in failing:
        yield from clause_lines(clause)


def _hint_of_launcher(end: End) -> str:
    if end.by != "launcher":
        return ""
    if "403" in end.message or "401" in end.message:
        return "the owner grants `roles/artifactregistry.reader` to the VM's account: preflight has the line"
    return "`symbolon operator preflight` says what the launcher would refuse"


def _code_of(end: End, error: JobError | None) -> ExitCode:
    if end.by == "launcher":
        return ExitCode.MISCONFIGURED
    if end.exit_code is not None and end.exit_code in {*ExitCode}:
        return ExitCode(end.exit_code)
    if error is not None and error.family in _FAMILIES:
        return _FAMILIES[error.family]
    raise NotKnown(
        "nothing says how the job ended: its log is not shown, and there is no `error.json`",
        hint="launch it without --no-log, or look at RESULT_URI",
    )


def _say_that_it_goes_on(vm: ConfidentialVm, *, alike: bool = False) -> None:
    terminal = console(stderr=True)
    why = f"{ALIKE} starts in a row ended alike. " if alike else ""
    terminal.print(f"{why}`{vm.name}` goes on, and costs until it ends or is destroyed.")
    where = f"{vm.name} --project {vm.project_id} --zone {vm.zone}"
    for what, word in (("look again:", "watch"), ("switch off:", "stop"), ("remove:", "destroy")):
        terminal.print(styled(f"  {what:<12} symbolon operator {word} {where}", whole=True))


def show_status(api: GoogleApi, vm: ConfidentialVm, *, output: str) -> ExitCode:
    """The VM's state stands on standard output: exit code 0, or 3 where there is none.

    Raises:
        Denied, Unavailable: as Google answers.
    """
    try:
        with needing(VIEWER, vm.project_id):
            instance = describe(api, vm)
    except NotFound:
        if output == "json":
            print_json({"name": vm.name, "status": None})
        else:
            console().print(f"there is no VM {vm.name} in {vm.zone}")
        return ExitCode.ANSWERED_NO
    metadata = metadata_of(instance)
    said = {
        "name": vm.name,
        "status": str(instance.get("status", "")),
        "zone": vm.zone,
        "machine": str(instance.get("machineType", "")).rpartition("/")[2],
        "technology": str(instance.get("confidentialInstanceConfig", {}).get("confidentialInstanceType", "")),
        "image": metadata.get("tee-image-reference", ""),
        "results": metadata.get(_RESULTS, ""),
        "made": str(instance.get("creationTimestamp", "")),
        "costs": _costs(str(instance.get("status", ""))),
    }
    if output == "json":
        print_json(said)
    else:
        console().print(columns([(name, printable(value)) for name, value in said.items() if value]))
    return ExitCode.YES


def _costs(state: str) -> str:
    if state in ("TERMINATED", "STOPPED", "SUSPENDED"):
        return "its disk, until it is destroyed"
    return "the machine, its disk and its address"
