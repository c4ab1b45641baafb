"""What the state folder says, as it was written: parties, runs, decisions and the audit log.

A file is read where it grew; one that shrank, or was replaced, is read again from its beginning. A line that
is not whole yet, or that is no JSON, is not shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

from .steps import Document, Step, exit_code_of, mapping_of, parse_logged, parse_serial, seconds_of, starts_of

_MOST_LINES: Final = 10_000
_MOST_SERIAL: Final = 256 * 1024
_VERIFIER: Final = "confidentialcomputing.googleapis.com"
_STS: Final = "sts.googleapis.com"
_ROLES: Final = {"primus": "owner", "secundus": "operator", "tertius": "auditor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Whose project it is, and what stands in it."""

    role: str
    project: str
    number: str
    holdings: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start of a VM."""

    key: str
    vm: str
    number: int
    project: str
    image: str
    account: str
    facts: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    ended: bool
    exit_code: int | None
    decisions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Lines of the audit log that say the same one after another; `line` is the first's number."""

    line: int
    times: int
    said: Document

    @property
    def granted(self) -> bool:
        return self.said.get("granted") is True

    @property
    def clauses(self) -> Sequence[Document]:
        found = mapping_of(self.said.get("detail")).get("clauses")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that the page shows."""

    parties: tuple[Party, ...]
    runs: tuple[Run, ...]
    decisions: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    lines: int


@dataclass(slots=True)
class _Tail:
    """The whole lines of a file that grows."""

    path: Path
    lines: list[Document] = field(default_factory=list)
    dropped: int = 0
    _at: int = 0
    _inode: int = 0

    def read(self) -> list[Document]:
        try:
            with self.path.open("rb") as file:
                status = self.path.stat()
                if status.st_ino != self._inode or status.st_size < self._at:
                    self.lines, self.dropped, self._at, self._inode = [], 0, 0, status.st_ino
                file.seek(self._at)
                data = file.read()
        except OSError:
            return self.lines
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                said = {}
            self.lines.append(said if isinstance(said, dict) else {})
        surplus = max(0, len(self.lines) - _MOST_LINES)
        del self.lines[:surplus]
        self.dropped += surplus
        return self.lines


class Records:
    """Reads the state folder again and again, for any thread, and only where a file of it has changed."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._audit = _Tail(state / "audit.jsonl")
        self._logs: dict[str, _Tail] = {}
        self._lock = Lock()
        self._seen: list[tuple[str, int, int]] = []
        self._last: Snapshot | None = None

    def read(self) -> Snapshot:
        """How things stand now; the same object as before where nothing has changed."""
        with self._lock:
            seen = self._files()
            if self._last is None or seen != self._seen:
                self._last, self._seen = self._read(), seen
            return self._last

    def _files(self) -> list[tuple[str, int, int]]:
        """What is read, with the time and the size that it has."""
        found = []
        for pattern in ("audit.jsonl", "logging/*.jsonl", "documents/*.json", "instances/*/*/serial.log"):
            for path in sorted(self._state.glob(pattern)):
                try:
                    status = path.stat()
                except OSError:
                    continue
                found.append((str(path), status.st_mtime_ns, status.st_size))
        return found

    def _read(self) -> Snapshot:
        lines = self._audit.read()
        entries = _gathered(lines, first=self._audit.dropped + 1)
        decisions = tuple(each for each in entries if _is_decision(each.said))
        return Snapshot(
            parties=self._parties(),
            runs=self._runs(decisions),
            decisions=decisions,
            entries=entries,
            lines=self._audit.dropped + len(lines),
        )

    def _documents(self, name: str) -> dict[str, Document]:
        try:
            found = json.loads((self._state / "documents" / f"{name}.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return {key: value for key, value in found.items() if isinstance(value, dict)}

    def _parties(self) -> tuple[Party, ...]:
        buckets = self._documents("storage.buckets")
        accounts = self._documents("iam.serviceAccounts")
        by_name = {
            "identity pools": self._documents("iam.workloadIdentityPools"),
            "providers": self._documents("iam.workloadIdentityPoolProviders"),
            "image repositories": self._documents("artifactregistry.repositories"),
            "keys in Cloud KMS": self._documents("cloudkms.cryptoKeys"),
            "confidential VMs": self._documents("compute.instances"),
        }
        parties = []
        for project, document in self._documents("projects").items():
            number = str(document.get("projectNumber", ""))
            holdings = [
                ("buckets", [name for name, each in buckets.items() if each.get("project") == project]),
                (
                    "service accounts",
                    [
                        name
                        for name, each in accounts.items()
                        if each.get("projectId") == project
                        and not name.endswith("@developer.gserviceaccount.com")
                    ],
                ),
            ]
            for what, documents in by_name.items():
                owned = [name for name in documents if name.split("/")[1:2] in ([project], [number])]
                holdings.append((what, [name.rpartition("/")[2] for name in owned]))
            parties.append(
                Party(
                    role=_ROLES.get(project, "another project"),
                    project=project,
                    number=number,
                    holdings=tuple((what, tuple(names)) for what, names in holdings if names),
                )
            )
        return tuple(sorted(parties, key=lambda each: [*_ROLES, each.project].index(each.project)))

    def _runs(self, decisions: Sequence[Entry]) -> tuple[Run, ...]:
        instances = {
            str(each.get("id")): (key, each) for key, each in self._documents("compute.instances").items()
        }
        said = self._said_by_instance()
        runs: list[Run] = []
        for instance_id in dict.fromkeys([*said, *instances]):
            key, instance = instances.get(instance_id, ("", {}))
            steps = said.get(instance_id) or self._serial(key)
            about = [each for each in decisions if _is_about(each.said, instance_id, key)]
            starts = starts_of(steps)
            for number, start in enumerate(starts, 1):
                until = _began(starts[number]) if number < len(starts) else None
                during = _between(about, _began(start) if number > 1 else None, until)
                runs.append(_run(instance_id, number, key, instance, start, during))
        return tuple(sorted(runs, key=lambda each: each.steps[0].at or 0, reverse=True))

    def _said_by_instance(self) -> dict[str, list[tuple[str, Step]]]:
        """What Cloud Logging has of each VM, by its ID: each step with the VM's name where it is said."""
        for path in (self._state / "logging").glob("*.jsonl"):
            self._logs.setdefault(path.name, _Tail(path))
        found: dict[str, list[tuple[str, Step]]] = {}
        for log in self._logs.values():
            for line in log.read():
                labels = mapping_of(mapping_of(line.get("resource")).get("labels"))
                payload = mapping_of(line.get("jsonPayload"))
                step = parse_logged(line, payload)
                host = str(payload.get("_HOSTNAME", ""))
                found.setdefault(str(labels.get("instance_id", "")), []).append((host, step))
        return found

    def _serial(self, key: str) -> list[tuple[str, Step]]:
        """What the serial port has, for where Cloud Logging has nothing: the launcher's lines have times."""
        parts = key.split("/")
        if len(parts) != 6:
            return []
        try:
            with (self._state / "instances" / parts[1] / parts[5] / "serial.log").open("rb") as log:
                text = log.read(_MOST_SERIAL).decode("utf-8", "replace")
        except OSError:
            return []
        return [(parts[5], step) for line in text.splitlines() if (step := parse_serial(line)) is not None]


def _gathered(lines: Sequence[Document], *, first: int) -> tuple[Entry, ...]:
    """The lines, those that say the same one after another in one."""
    found: list[Entry] = []
    kinds: list[tuple[object, ...]] = []
    for number, said in enumerate(lines, first):
        kind = tuple(
            str(said.get(name))
            for name in ("serviceName", "methodName", "principal", "resourceName", "granted")
        )
        if found and kinds[-1] == kind and not _is_decision(said):
            last = found[-1]
            found[-1] = Entry(line=last.line, times=last.times + 1, said=last.said)
        else:
            found.append(Entry(line=number, times=1, said=said))
            kinds.append(kind)
    return tuple(found)


def _is_decision(said: Document) -> bool:
    """Whether a machine was judged: by STS, or by its launcher."""
    return said.get("serviceName") in (_STS, _VERIFIER)


def _is_about(said: Document, instance_id: str, key: str) -> bool:
    """Whether the decision names this VM: as the launcher's resource, or in the subject that was mapped."""
    named = str(said.get("principal", "")).endswith(f"::{instance_id}")
    return bool(instance_id) and (named or (bool(key) and said.get("resourceName") == key))


def _run(
    instance_id: str,
    number: int,
    key: str,
    instance: Document,
    start: Sequence[tuple[str, Step]],
    decisions: tuple[int, ...],
) -> Run:
    steps = tuple(step for _, step in start)
    metadata = {
        str(each.get("key")): str(each.get("value"))
        for each in mapping_of(instance.get("metadata")).get("items", [])
        if isinstance(each, dict)
    }
    accounts = instance.get("serviceAccounts") or [{}]
    technology = mapping_of(instance.get("confidentialInstanceConfig")).get("confidentialInstanceType", "")
    facts = (
        ("machine", str(instance.get("machineType", "")).rpartition("/")[2]),
        ("technology", str(technology)),
        ("results", metadata.get("tee-env-RESULT_URI", "")),
    )
    codes = [code for step in steps if (code := exit_code_of(step)) is not None]
    ended = any(step.name == "exit" for step in steps)
    return Run(
        key=f"{instance_id}-{number}",
        vm=next((name for name, _ in start if name), str(instance.get("name", "a VM"))),
        number=number,
        project=key.split("/")[1] if key else "",
        image=metadata.get("tee-image-reference", ""),
        account=str(mapping_of(accounts[0]).get("email", "")),
        facts=tuple((what, says) for what, says in facts if says),
        steps=steps,
        ended=ended,
        exit_code=codes[-1] if codes else None,
        decisions=decisions,
    )


def _began(start: Sequence[tuple[str, Step]]) -> float | None:
    return start[0][1].at


def _between(decisions: Sequence[Entry], begin: float | None, end: float | None) -> tuple[int, ...]:
    """The lines of those decisions that fell in that time; None has no bound."""
    times = [(each.line, seconds_of(str(each.said.get("timestamp", "")))) for each in decisions]
    return tuple(
        line
        for line, at in times
        if at is not None and (begin is None or at >= begin) and (end is None or at < end)
    )
