"""What a VM writes to its serial port, as lines that mean something, and how its job's starts ended.

The workload writes one JSON object a line, the launcher lines of Go's slog (before August 2026, words with
the time before them), and the firmware and the kernel whatever they like: theirs are the launcher's here.
Another image's workload may write anything: what is no JSON object is a line of words.

Source: `workload/reporting.py`; google/go-tpm-tools, launcher/container_runner.go and launcher/main.go, and
launcher/internal/logging/logging.go at 67670e5c021a; Go, log/slog/text_handler.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

ALIKE: Final = 3
"""So many starts in a row that ended alike are enough to know that the next one will as well."""
_TIME: Final = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ")
_BEGINS: Final = "TEE container launcher initiating"
_GOOD, _BAD = "workload task ended and returned 0", "workload task ended and returned non-zero"
_EXITS: Final = re.compile(r"TEE container launcher exiting(?: with exit code: (?P<code>\d+)|$)")
_VALUE: Final = r'"(?:[^"\\]|\\.)*"|\S*'
_SLOG: Final = re.compile(rf"time=\S+ level=(?P<level>[A-Z]+)\S* msg=(?P<words>{_VALUE})(?P<rest>(?: .*)?)")
_PAIR: Final = re.compile(rf" (?P<key>[^\s=]+)=(?P<value>{_VALUE})")
_HOLDS: Final = 4
_MOST_LINE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: of the workload with its fields, or of the launcher."""

    source: Literal["workload", "launcher"]
    severity: str
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The line as `--format json` shows it."""
        return {"source": self.source, "severity": self.severity, "message": self.message, **self.fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How one start ended. `exit_code` is the workload's; None where the log does not say it."""

    exit_code: int | None
    code: str = ""
    message: str = ""
    hint: str = ""
    by: Literal["workload", "launcher"] = "workload"


class SerialLines:
    """Reads the pieces of a serial port; `ends` has how each start ended, in order."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.holds = False
        """The launcher has ended, and left the VM running: a debug image."""
        self.claims: Mapping[str, Any] | None = None
        """What the last start's refused token said, where one was refused and the log says it."""
        self._rest = ""
        self._said: Line | None = None
        self._launcher_said = ""
        self._ended = False

    def read(self, piece: str) -> Iterator[Line]:
        """The lines that end in this piece."""
        *whole, self._rest = (self._rest + piece).split("\n")
        if len(self._rest) > _MOST_LINE:
            whole, self._rest = [*whole, self._rest], ""
        for text in whole:
            if text.strip():
                line = parse_line(text)
                self._note(line)
                yield line

    @property
    def ended_alike(self) -> bool:
        """The last `ALIKE` starts ended in the same way, which was no good one, and no other has begun."""
        last = self.ends[-ALIKE:]
        return self._ended and len(last) == ALIKE and len(set(last)) == 1 and last[0].exit_code != 0

    def _note(self, line: Line) -> None:
        if line.source == "workload":
            if "exit_code" in line.fields:
                self._said = line
            if isinstance(line.fields.get("claims"), dict):
                self.claims = line.fields["claims"]
            return
        if line.message.startswith(_BEGINS):
            self._said, self._ended, self.holds, self.claims = None, False, False, None
        elif line.message.startswith(_BAD):
            self._end(_end_of(self._said))
        elif line.message.startswith(_GOOD):
            self._end(End(exit_code=0))
        elif exits := _EXITS.match(line.message):
            self.holds = str(exits["code"] or line.fields.get("exit_code")) == str(_HOLDS)
            if not self._ended:
                self._end(End(exit_code=None, code="launcher", message=self._launcher_said, by="launcher"))
        else:
            self._launcher_said = line.message

    def _end(self, end: End) -> None:
        self._ended = True
        self.ends.append(end)


def parse_line(text: str) -> Line:
    """One line of a serial port.

    >>> parse_line('2026/01/02 03:04:05 rebooting VM').message
    'rebooting VM'
    >>> line = parse_line('time=2026-01-02T03:04:05Z level=ERROR msg="no luck" exit_code=1')
    >>> line.severity, line.message, line.fields
    ('ERROR', 'no luck', {'exit_code': '1'})
    """
    text = text.rstrip("\r")
    if slog := _SLOG.search(text):
        values = {pair["key"]: _unquoted(pair["value"]) for pair in _PAIR.finditer(slog["rest"])}
        return Line(
            source="launcher",
            severity=slog["level"],
            message=_unquoted(slog["words"]).rstrip("\n"),
            fields=values,
        )
    begin = text.find("{")
    if begin >= 0 and not _TIME.match(text):
        try:
            entry = json.loads(text[begin:])
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict) and isinstance(entry.get("message"), str):
            fields = {key: value for key, value in entry.items() if key not in ("severity", "message")}
            severity = str(entry.get("severity", "DEFAULT"))
            return Line(source="workload", severity=severity, message=entry["message"], fields=fields)
    return Line(source="launcher", severity="INFO", message=_TIME.sub("", text))


def _unquoted(value: str) -> str:
    """A value as it was before slog wrote it; what cannot be read is left as it stands."""
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value[1:-1]


def _end_of(said: Line | None) -> End:
    """The end that the workload's own last word tells of."""
    if said is None or not isinstance(said.fields["exit_code"], int):
        return End(exit_code=None)
    code, hint = (str(said.fields.get(name, "")) for name in ("code", "hint"))
    return End(exit_code=said.fields["exit_code"], code=code, message=said.message, hint=hint)
