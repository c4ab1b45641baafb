"""The wheels that an image's requirements pin, and the files that pip makes of them.

A wheel counts when its SHA-256 is one of those that the lock has for its requirement: what it holds is then
as trustworthy as the lock. Its files are hashed from the archive itself.

Source: packaging.python.org, "Binary distribution format" and "Recording installed projects"; pip,
`pip download`; deploy/Dockerfile, whose RUN installs them.
"""

from __future__ import annotations

import configparser
import hashlib
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from attestation.errors import EvidenceRejected, Misconfigured, Unavailable, quoted

PYTHON: Final = "3.11"
"""The image's Python, by which deploy/Dockerfile names its folders."""
SITE: Final = f"usr/local/lib/python{PYTHON}/site-packages"
_BIN: Final = "usr/local/bin"
_REQUIREMENT: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)", re.MULTILINE
)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_DATA: Final = re.compile(r"[^/]+\.data/(?P<scheme>[a-z]+)/(?P<rest>.+)")
_SCHEMES: Final = {"purelib": SITE, "platlib": SITE, "scripts": _BIN, "data": "usr/local"}
_KEPT_OF_TENSORFLOW: Final = re.compile(r"libtensorflow_[^/]*\.so\.2|[^/]*NOTICES[^/]*")
_BY_PIP: Final = ("INSTALLER", "REQUESTED", "RECORD")
_ENTRY: Final = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<name>[\w.]+)\s*(?:\[.*\])?")
_SCRIPTS: Final = (
    """\
#!/usr/local/bin/{python}
# -*- coding: utf-8 -*-
import re
import sys
from {module} import {first}
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit({name}())
""",
    """\
#!/usr/local/bin/{python}
import sys
from {module} import {first}
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit({name}())
""",
)
"""What pip writes for a console script: distlib's template, older and newer."""
_PYTHONS: Final = ("python", "python3", f"python{PYTHON}")
_TAG: Final = re.compile(r"^Tag: [\w.]+-[\w.]+-(?P<platform>\w+)\s*$", re.MULTILINE)
_GLIBC: Final = re.compile(r"manylinux_(\d+)_(\d+)_")
_USUAL_PLATFORMS: Final = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_MOST_PLATFORMS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One package at one version; `hashes` are the SHA-256 that its distributions may have, in hex digits."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFiles:
    """What pip makes of one wheel: the SHA-256 values that the file at each path may have.

    `optional` are those that the Dockerfile removes, or pip writes by itself.
    """

    requirement: Requirement
    sha256: str
    files: Mapping[str, frozenset[str]]
    optional: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheels:
    """All that is known of the requirements' wheels; `absent` are those of which none is here."""

    wheels: tuple[WheelFiles, ...] = ()
    absent: tuple[Requirement, ...] = ()
    files: Mapping[str, tuple[WheelFiles, ...]] = field(default_factory=dict)


def parse_requirements(text: str) -> tuple[Requirement, ...]:
    """The requirements that the text pins, by hash each.

    Raises:
        Misconfigured: one has no hash, or there are none.
    """
    found = list(_REQUIREMENT.finditer(text))
    ends = [*(each.start() for each in found[1:]), len(text)][: len(found)]
    requirements = tuple(
        Requirement(
            name=each["name"],
            version=each["version"],
            hashes=frozenset(_HASH.findall(text[each.end() : end])),
        )
        for each, end in zip(found, ends, strict=True)
    )
    if not requirements or not all(each.hashes for each in requirements):
        raise Misconfigured(
            "the checkout's requirements do not pin every package by its hashes",
            hint="deploy/README.md says how they are made from uv.lock",
        )
    return requirements


def platforms_of(marks: Iterable[str]) -> tuple[str, ...]:
    """The platforms that the texts of installed `WHEEL` files name, those first that pip takes first.

    >>> platforms_of(["Tag: py3-none-any", "Tag: cp311-abi3-manylinux_2_34_x86_64"])[0]
    'manylinux_2_34_x86_64'
    """
    named = {each for text in marks for each in _TAG.findall(text)} - {"any"}
    return tuple(sorted(named | set(_USUAL_PLATFORMS), key=_newest_first))[:_MOST_PLATFORMS]


def _newest_first(platform: str) -> tuple[int, int, str]:
    glibc = _GLIBC.match(platform)
    return (-int(glibc[1]), -int(glibc[2]), platform) if glibc else (0, 0, platform)


def download(requirements: str, folder: Path, *, scratch: Path, platforms: Iterable[str]) -> None:
    """`folder` has the requirements' wheels for the image's Python and these platforms, by their hashes.

    Raises:
        Unavailable: pip could not fetch one of them, or there is no pip.
    """
    listed = scratch / "requirements.txt"
    listed.write_text(re.sub(r" ;[^\\\n]*", " ", requirements), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement", str(listed)]
    command += ["--dest", str(folder), "--python-version", PYTHON, "--implementation", "cp"]
    for option, values in (
        ("--abi", (f"cp{PYTHON.replace('.', '')}", "abi3", "none")),
        ("--platform", platforms),
    ):
        for value in values:
            command += [option, value]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise Unavailable(
            "pip could not fetch the wheels that the lock names",
            hint="look at the network, or give a folder that has them with --wheels",
        )


def read_wheels(folder: Path, requirements: Iterable[Requirement], *, installed: Mapping[str, str]) -> Wheels:
    """The wheels in the folder that the lock knows; files of any other kind or hash are passed over.

    `installed` has the SHA-256 of files in the image by their paths: of the wheels of one requirement, for
    several platforms, the one counts whose `WHEEL` is there. Where another one is there, none is here.

    Raises:
        EvidenceRejected: a wheel that the lock knows is no archive.
        OSError: the folder cannot be read.
    """
    wanted = list(requirements)
    by_hash = {sum_: each for each in wanted for sum_ in each.hashes}
    found: dict[Requirement, list[WheelFiles]] = {}
    for path in sorted(folder.glob("*.whl")):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if requirement := by_hash.get(sha256):
            found.setdefault(requirement, []).append(_read_wheel(path, requirement, sha256))
    chosen = tuple(wheel for each in found.values() if (wheel := _chosen(each, installed)))
    here = {wheel.requirement for wheel in chosen}
    return Wheels(
        wheels=chosen,
        absent=tuple(each for each in wanted if each not in here),
        files=_by_path(chosen),
    )


def _by_path(wheels: Iterable[WheelFiles]) -> dict[str, tuple[WheelFiles, ...]]:
    """Whose each file is: two packages may bring one file."""
    found: dict[str, tuple[WheelFiles, ...]] = {}
    for wheel in wheels:
        for path in wheel.files:
            found[path] = (*found.get(path, ()), wheel)
    return found


def _chosen(wheels: list[WheelFiles], installed: Mapping[str, str]) -> WheelFiles | None:
    is_another = False
    for wheel in wheels:
        marks = [path for path in wheel.files if path.endswith(".dist-info/WHEEL")]
        if any(installed.get(path) in wheel.files[path] for path in marks):
            return wheel
        is_another = is_another or any(path in installed for path in marks)
    return None if is_another else wheels[0]


def _read_wheel(path: Path, requirement: Requirement, sha256: str) -> WheelFiles:
    files: dict[str, frozenset[str]] = {}
    optional: set[str] = set()
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    content = archive.read(info)
                    target = _target(info.filename)
                    files[target] = frozenset(_sums(target, content))
                    if _is_removed(target):
                        optional.add(target)
                    if target.endswith(".dist-info/entry_points.txt"):
                        files |= _scripts(content)
                    if target.endswith(".dist-info/WHEEL"):
                        added = [target.removesuffix("WHEEL") + name for name in _BY_PIP]
                        files |= {added[0]: frozenset({_sum(b"pip\n")}), added[1]: frozenset({_sum(b"")})}
                        optional |= set(added)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError):
        raise EvidenceRejected(
            f"the wheel of {quoted(str(requirement))} is no archive that can be read", hint="fetch it again"
        ) from None
    record = next((each for each in optional if each.endswith(".dist-info/RECORD")), None)
    if record is not None:
        files[record] = frozenset()  # pip writes its own: any will do, since nothing is run of it
    return WheelFiles(requirement=requirement, sha256=sha256, files=files, optional=frozenset(optional))


def _target(name: str) -> str:
    """Where pip puts a wheel's file, in the image."""
    found = _DATA.fullmatch(name)
    if found is None:
        return f"{SITE}/{name}"
    return f"{_SCHEMES.get(found['scheme'], SITE)}/{found['rest']}"


def _sums(target: str, content: bytes) -> Iterator[str]:
    """What the file may be: a script's first line names the interpreter that pip saw."""
    yield _sum(content)
    if target.startswith(f"{_BIN}/") and content.startswith(b"#!python"):
        rest = content.partition(b"\n")[2]
        yield from (_sum(f"#!/{_BIN}/{python}\n".encode() + rest) for python in _PYTHONS)


def _scripts(entry_points: bytes) -> dict[str, frozenset[str]]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(entry_points.decode())
    except (configparser.Error, UnicodeDecodeError):
        return {}
    scripts: dict[str, frozenset[str]] = {}
    for name, value in parser["console_scripts"].items() if "console_scripts" in parser else ():
        if entry := _ENTRY.fullmatch(value.strip()):
            first = entry["name"].split(".")[0]
            scripts[f"{_BIN}/{name}"] = frozenset(
                _sum(
                    template.format(
                        python=python, module=entry["module"], first=first, name=entry["name"]
                    ).encode()
                )
                for template in _SCRIPTS
                for python in _PYTHONS
            )
    return scripts


def _is_removed(target: str) -> bool:
    """Whether the Dockerfile removes it: tests, and all of TensorFlow but its libraries and notices."""
    below = target.removeprefix(f"{SITE}/")
    if below == target:
        return False
    parts = below.split("/")
    if "tests" in parts[:-1]:
        return True
    return parts[0] == "tensorflow" and not _KEPT_OF_TENSORFLOW.fullmatch(parts[1] if len(parts) == 2 else "")


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
