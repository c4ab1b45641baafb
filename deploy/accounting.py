"""Where each file of an image comes from, told without building it: the checkout, a wheel, or nobody knows.

Three things are kept apart. A file that is not as its source has it *differs*. A file without a source is
*not accounted for*: what it does is not known, and that is no difference. All others are accounted for.

Source: deploy/Dockerfile, whose effect this is; docs/decisions, 0024.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from . import compiled
from .comparing import Difference, Differences, bounded, compare_configurations, compare_member, flat
from .expected import Expected
from .image_contents import ImageContents
from .layers import Member, Store
from .wheels import SITE, WheelFiles, Wheels

_COMPILED: Final = re.compile(r"(?P<folder>(?:.*/)?)__pycache__/(?P<name>[^/]+)\.(?P<tag>[a-z]+-\d+)\.pyc")
_WRITABLE: Final = 0o7022
"""Bits that nothing of ours has: set-user-ID and its like, and writing by others than root."""
_DECIDES: Final = ("Label tee.", "Cmd", "Entrypoint", "User", "WorkingDir")
"""What a base may not add, by how its name begins."""
_HARMLESS: Final = "Label "
PACKAGES, BYTECODE, INTERPRETER, SYSTEM, SETTINGS = (
    "python packages that no wheel here has",
    "bytecode that could not be compiled again here",
    "the interpreter and what lies beside it",
    "the operating system",
    "settings that the Dockerfile does not state",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unaccounted:
    """Files, or settings, without a source: how many of one kind, and the first of them."""

    what: str
    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Every file of an image. `by` counts those that are as their source has them, by the source.

    `ours` are differences from the checkout, `wheels` from the wheels, `settings` of the configuration.
    `compiler` compiled the bytecode again.
    """

    ours: Differences
    wheels: Differences
    settings: Differences
    unaccounted: tuple[Unaccounted, ...]
    by: Mapping[str, int]
    compiler: str = compiled.COMPILER

    @property
    def differs(self) -> bool:
        """Whether something is not as its source has it."""
        return bool(self.ours or self.wheels or self.settings)


def account(
    image: ImageContents,
    expected: Expected,
    wheels: Wheels,
    *,
    store: Store,
    known: tuple[ImageContents, ...] = (),
) -> Accounting:
    """Where the files of the image come from. `known` are images whose files somebody vouches for.

    The `store` has the sources and the bytecode of the image.
    """
    book = _Book(image, expected, wheels, store, known)
    book.enter()
    return book.closed()


class _Book:
    """The accounting, while it is made."""

    def __init__(
        self,
        image: ImageContents,
        expected: Expected,
        wheels: Wheels,
        store: Store,
        known: tuple[ImageContents, ...],
    ) -> None:
        self._image, self._expected, self._wheels = image, expected, wheels
        self._store, self._known = store, known
        self._ours: list[Difference] = []
        self._of_wheels: list[Difference] = []
        self._open: dict[str, list[str]] = {}
        self._by: dict[str, int] = {}
        self._accounted: set[str] = set()

    def enter(self) -> None:
        later = []
        for path, member in self._image.files.items():
            if member.kind == "folder":
                self._enter_folder(path, member)
            elif path not in self._expected.files and _COMPILED.fullmatch(path):
                later.append(path)
            else:
                self._enter_file(path, member)
        for path in later:  # once it is known which sources are in order
            self._enter_bytecode(path, self._image.files[path])
        for path in sorted(self._expected.files.keys() - self._image.files.keys()):
            self._ours.append(Difference(path=path, what="missing"))
        for path, wheels in sorted(self._wheels.files.items()):
            is_there = path in self._image.files
            if not is_there and not any(path in wheel.optional for wheel in wheels):
                whose = f"of {wheels[0].requirement}"
                self._of_wheels.append(Difference(path=path, what="missing", detail=whose))

    def closed(self) -> Accounting:
        settings, open_settings = self._settings()
        if open_settings:
            self._open[SETTINGS] = open_settings
        return Accounting(
            ours=bounded(self._ours),
            wheels=bounded(self._of_wheels),
            settings=settings,
            unaccounted=tuple(
                Unaccounted(what=what, count=len(self._open[what]), first=tuple(_telling(self._open[what])))
                for what in (PACKAGES, BYTECODE, SETTINGS, INTERPRETER, SYSTEM)
                if what in self._open
            ),
            by=dict(sorted(self._by.items())),
        )

    def _is_ours(self, path: str) -> bool:
        return path == self._expected.folder or path.startswith(f"{self._expected.folder}/")

    def _count(self, source: str, path: str) -> None:
        self._by[source] = self._by.get(source, 0) + 1
        self._accounted.add(path)

    def _enter_folder(self, path: str, member: Member) -> None:
        if self._is_ours(path):
            self._ours += _rights(member, 0o755)
            named = any(each.startswith(f"{path}/") for each in self._expected.files)
            if not named and not path.endswith("/__pycache__"):
                self._ours.append(Difference(path=path, what="added", detail="a folder"))

    def _enter_file(self, path: str, member: Member) -> None:
        if path in self._expected.files:
            content, mode = self._expected.files[path]
            different = list(_content(member, content)) + _rights(member, mode)
            self._ours += different
            if not different:
                self._count("the checkout", path)
        elif self._is_ours(path):
            self._ours.append(Difference(path=path, what="added", detail=f"a {member.kind}"))
        elif wheels := self._wheels.files.get(path):
            different = list(_of_wheel(member, wheels))
            self._of_wheels += different
            if not different:
                self._count("wheels of the lock", path)
        else:
            self._enter_other(path, member)

    def _enter_other(self, path: str, member: Member) -> None:
        for image in self._known:
            if _is_same(member, image.files.get(path)):
                self._count(f"the known image {image.digest}", path)
                return
        if path.startswith(f"{SITE}/"):
            what = PACKAGES
        else:
            what = INTERPRETER if path.startswith("usr/local/") else SYSTEM
        self._open.setdefault(what, []).append(path)

    def _enter_bytecode(self, path: str, member: Member) -> None:
        found = _COMPILED.fullmatch(path)
        assert found is not None  # noqa: S101  enter() has looked
        source_path = f"{found['folder']}{found['name']}.py"
        source = self._image.files.get(source_path)
        if source is None or source_path not in self._accounted:
            if self._is_ours(path):
                self._ours.append(Difference(path=path, what="added", detail="bytecode without its source"))
            else:
                self._enter_other(path, member)
            return
        data, text = self._store.read(member.sha256), self._store.read(source.sha256)
        if member.kind != "file" or data is None or text is None or found["tag"] != compiled.TAG:
            comparable = False
        else:
            comparable = compiled.is_of_this_interpreter(data)
        if not comparable or data is None or text is None:
            self._open.setdefault(BYTECODE, []).append(path)
            return
        different = _rights(member, None)
        if not compiled.is_compiled_of(data, text, filename=f"/{source_path}"):
            different.append(
                Difference(
                    path=path, what="other bytecode", detail=f"than {compiled.COMPILER} makes of its source"
                )
            )
        if different:
            (self._ours if self._is_ours(path) else self._of_wheels).extend(different)
        else:
            self._count("bytecode, compiled again", path)

    def _settings(self) -> tuple[Differences, list[str]]:
        """Differences of the configuration, and what a base added that no known image has."""
        every = compare_configurations(self._image.configuration, self._expected.configuration, shown=None)
        known: set[tuple[str, str]] = set()
        for image in self._known:
            known |= set(flat(image.configuration).items())
        different, open_ = [], []
        for each in every.first:
            if each.what != "added" or each.path.startswith(_DECIDES):
                different.append(each)
            elif not each.path.startswith(_HARMLESS) and (each.path, each.detail) not in known:
                open_.append(f"{each.path}={each.detail}")
        return bounded(different), open_


def _content(member: Member, content: bytes) -> Iterator[Difference]:
    ought = Member(
        path=member.path,
        kind="file",
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        mtime=member.mtime,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        attributes=member.attributes,
    )
    yield from compare_member(member, ought)


def _of_wheel(member: Member, wheels: tuple[WheelFiles, ...]) -> Iterator[Difference]:
    whose = " and ".join(str(wheel.requirement) for wheel in wheels)
    may_be = frozenset[str]().union(*(wheel.files[member.path] for wheel in wheels))
    is_pips = member.path.endswith(".dist-info/RECORD")
    if member.kind != "file":
        yield Difference(path=member.path, what="other kind", detail=f"{member.kind}, of {whose}")
    elif member.sha256 not in may_be and not is_pips:
        yield Difference(path=member.path, what="other bytes", detail=f"than the wheel of {whose}")
    yield from _rights(member, None)


def _rights(member: Member, mode: int | None) -> list[Difference]:
    """The difference in who may do what: in `mode` where that is known, else whether root alone may write."""
    found = []
    if (mode is not None and member.mode != mode) or member.mode & _WRITABLE:
        ought = "writable by root alone" if mode is None else f"{mode:04o}"
        found.append(
            Difference(path=member.path, what="other mode", detail=f"{member.mode:04o}, and not {ought}")
        )
    if (member.uid, member.gid) != (0, 0):
        owner = f"{member.uid}:{member.gid}, and not 0:0"
        found.append(Difference(path=member.path, what="other owner", detail=owner))
    if member.attributes:
        names = ", ".join(name for name, _ in member.attributes)
        found.append(Difference(path=member.path, what="other attributes", detail=names))
    return found


def _is_same(member: Member, known: Member | None) -> bool:
    """Whether a known image has the file, whenever it was written."""
    return known is not None and not [
        each for each in compare_member(member, known) if each.what != "other time"
    ]


def _telling(paths: list[str], *, shown: int = 5) -> list[str]:
    """The first few of them, those first that the interpreter runs at its start."""
    at_start = re.compile(r".*(?:\.pth|/sitecustomize\.py|/usercustomize\.py|/ld\.so\.preload)")
    return sorted(paths, key=lambda path: (at_start.fullmatch(path) is None, path))[:shown]
