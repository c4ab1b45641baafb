"""Two images beside each other: what differs in their configurations, their layers, and their files.

compared = compare(image, rebuilt)
compared.layers[0].differences.first      # some, and `more` says how many are not shown
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .image_contents import ImageContents, LayerContent
from .layers import Member

SHOWN: Final = 20
"""How many differences a person is shown of a layer, or of one kind of files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`path` in the image is not as it ought to be: `what` in a few words, `detail` with both values."""

    path: str
    what: str
    detail: str = ""

    def document(self) -> dict[str, str]:
        """The difference as JSON."""
        return {"path": self.path, "what": self.what, "detail": self.detail}


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """At most `SHOWN` differences, and how many there are `more`."""

    first: tuple[Difference, ...] = ()
    more: int = 0

    def __bool__(self) -> bool:
        return bool(self.first)

    def __len__(self) -> int:
        return len(self.first) + self.more

    def document(self) -> dict[str, object]:
        """The differences as JSON."""
        return {"first": [each.document() for each in self.first], "more": self.more}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCompared:
    """The layers of one number: None where an image has none. `same_tar`: they differ as blobs at most."""

    number: int
    found: str | None
    wanted: str | None
    same_tar: bool
    differences: Differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`configuration` and `files` are what a container would notice; the rest is how they were written down.

    `notes` are the builder's: annotations and history.
    """

    notes: Differences
    configuration: Differences
    layers: tuple[LayerCompared, ...]
    files: Differences


def compare(found: ImageContents, wanted: ImageContents) -> Compared:
    """What differs in `found`, the image, from `wanted`, what was built of the sources."""
    numbers = range(max(len(found.layers), len(wanted.layers)))
    return Compared(
        notes=_compare_values(_notes(found), _notes(wanted)),
        configuration=compare_configurations(found.configuration, wanted.configuration),
        layers=tuple(_layer(number, found.layers, wanted.layers) for number in numbers),
        files=compare_members(found.files, wanted.files),
    )


def bounded(differences: Iterable[Difference], *, shown: int | None = SHOWN) -> Differences:
    """The first of them, and the count of the rest; all, where `shown` is None."""
    every = list(differences)
    shown = len(every) if shown is None else shown
    return Differences(first=tuple(every[:shown]), more=max(0, len(every) - shown))


def compare_members(found: Mapping[str, Member], wanted: Mapping[str, Member]) -> Differences:
    """What differs path by path: contents first, since they matter most."""
    every: list[Difference] = []
    for path in sorted(found.keys() | wanted.keys()):
        if path not in wanted:
            every.append(Difference(path=path, what="added", detail=f"a {found[path].kind}"))
        elif path not in found:
            every.append(Difference(path=path, what="missing", detail=f"a {wanted[path].kind}"))
        else:
            every += compare_member(found[path], wanted[path])
    weights = ("added", "missing", "other kind", "other bytes", "other target")
    return bounded(sorted(every, key=lambda each: each.what not in weights))


def compare_member(found: Member, wanted: Member) -> list[Difference]:
    """What differs of one path."""
    path = found.path
    if found.kind != wanted.kind:
        return [Difference(path=path, what="other kind", detail=f"{found.kind}, and not {wanted.kind}")]
    different = []

    def say(what: str, is_so: str, ought: str) -> None:
        if is_so != ought:
            different.append(Difference(path=path, what=what, detail=f"{is_so}, and not {ought}"))

    say("other bytes", _content(found), _content(wanted))
    say("other target", found.target, wanted.target)
    say("other mode", f"{found.mode:04o}", f"{wanted.mode:04o}")
    say("other owner", f"{found.uid}:{found.gid}", f"{wanted.uid}:{wanted.gid}")
    say("other time", str(found.mtime), str(wanted.mtime))
    say("other attributes", _names(found), _names(wanted))
    return different


def _content(member: Member) -> str:
    return f"{member.sha256[:16]}… ({member.size:,} bytes)" if member.sha256 else ""


def _names(member: Member) -> str:
    return ", ".join(
        f"{name}={value.encode(errors='replace').hex()[:32]}" for name, value in member.attributes
    )


def compare_configurations(
    found: Mapping[str, Any], wanted: Mapping[str, Any], *, shown: int | None = SHOWN
) -> Differences:
    """What differs of what a container is started with, variable by variable and label by label."""
    return _compare_values(flat(found), flat(wanted), shown=shown)


def _notes(image: ImageContents) -> dict[str, str]:
    said = {f"history {number}": text for number, text in enumerate(image.history, start=1)}
    return {f"annotation {key}": value for key, value in image.annotations.items()} | said


def _compare_values(
    found: Mapping[str, str], wanted: Mapping[str, str], *, shown: int | None = SHOWN
) -> Differences:
    every = []
    for key in sorted(found.keys() | wanted.keys()):
        is_so, ought = found.get(key), wanted.get(key)
        if is_so != ought:
            what = "added" if ought is None else "missing" if is_so is None else "other value"
            detail = {"added": f"{is_so}", "missing": f"{ought}"}.get(what, f"{is_so}, and not {ought}")
            every.append(Difference(path=key, what=what, detail=detail))
    return bounded(every, shown=shown)


def flat(configuration: Mapping[str, Any]) -> dict[str, str]:
    """A configuration's values by name; what is empty is not there.

    >>> flat({"Env": ["A=1"], "User": "65532", "Cmd": None})
    {'Env A': '1', 'User': '65532'}
    """
    values: dict[str, str] = {}
    for key, value in configuration.items():
        if key == "Env":
            values |= {
                f"Env {name}": text for name, _, text in (str(each).partition("=") for each in value or ())
            }
        elif key == "Labels":
            values |= {f"Label {name}": str(text) for name, text in (value or {}).items()}
        elif value not in (None, "", [], {}):
            values[str(key)] = str(value)
    return values


def _layer(number: int, found: tuple[LayerContent, ...], wanted: tuple[LayerContent, ...]) -> LayerCompared:
    ours = found[number] if number < len(found) else None
    theirs = wanted[number] if number < len(wanted) else None
    same = ours is not None and theirs is not None and ours.diff_id == theirs.diff_id
    differences = Differences()
    if not same:
        differences = compare_members(_by_path(ours), _by_path(theirs))
    return LayerCompared(
        number=number + 1,
        found=None if ours is None else ours.digest,
        wanted=None if theirs is None else theirs.digest,
        same_tar=same,
        differences=differences,
    )


def _by_path(layer: LayerContent | None) -> dict[str, Member]:
    return {} if layer is None else {member.path: member for member in layer.members}
