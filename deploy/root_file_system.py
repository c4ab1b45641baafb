"""The files that a container sees: an image's layers, one above the other, without unpacking one.

Engines differ in what they make of a member that leads through a link, or of a file that stands in one layer
beside its own whiteout. No builder writes such a layer, so it is refused: what is shown here is then what
every engine unpacks.

Source: opencontainers/image-spec v1.1, layer.md, "Applying Changesets" and "Whiteouts".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from attestation.errors import quoted

from .layers import LayerRejected, Member

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"


def merge(layers: Sequence[Sequence[Member]]) -> dict[str, Member]:
    """Every file by its path, sorted; a hard link is the file that it names. Folders are there too.

    Raises:
        LayerRejected: a layer that engines would unpack in several ways.
    """
    tree = _Tree()
    for number, members in enumerate(layers, start=1):
        name = f"layer {number}"
        tree.remove_what_is_white(members, name)
        for member in members:
            if not _is_white(member):
                tree.put(member, name)
    return dict(sorted(tree.members.items()))


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _is_white(member: Member) -> bool:
    return _base(member.path).startswith(_WHITEOUT)


class _Tree:
    """The files so far; `members` has no path below something that is no folder."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._names: dict[str, set[str]] = {"": set()}

    def remove_what_is_white(self, members: Sequence[Member], name: str) -> None:
        """What a whiteout of the layer names is gone: it speaks of the layers below alone."""
        gone: set[str] = set()
        for member in members:
            if not _is_white(member):
                continue
            folder, base = _folder(member.path), _base(member.path)
            self._check_folder(folder, name)
            if base == _OPAQUE:
                for each in list(self._names.get(folder, ())):
                    self._remove(_join(folder, each))
                continue
            hidden = base.removeprefix(_WHITEOUT)
            if hidden.startswith(_WHITEOUT) or hidden in ("", ".", ".."):
                raise _rejected(name, "has a whiteout of no known kind", member.path)
            gone.add(_join(folder, hidden))
            self._remove(_join(folder, hidden))
        for member in members if gone else ():
            path = member.path
            while path:
                if path in gone:
                    raise _rejected(name, "has a file beside its own whiteout", member.path)
                path = _folder(path)

    def put(self, member: Member, name: str) -> None:
        path = member.path
        if not path:
            if member.kind != "folder":
                raise _rejected(name, "has a root that is no folder", "/")
            return
        if any(part.startswith(_WHITEOUT) for part in path.split("/")):
            raise _rejected(name, "has a file below a whiteout", path)
        self._make_folder(_folder(path), name)
        if member.kind == "hard link":
            member = self._linked(member, name)
        before = self.members.get(path)
        if before is not None and not (before.kind == member.kind == "folder"):
            self._remove(path)
        self.members[path] = member
        if member.kind == "folder":
            self._names.setdefault(path, set())
        self._names[_folder(path)].add(_base(path))

    def _linked(self, member: Member, name: str) -> Member:
        self._check_folder(_folder(member.target), name)
        target = self.members.get(member.target)
        if target is None or target.kind == "folder":
            raise _rejected(name, "has a hard link to a file that is not there", member.path)
        return replace(target, path=member.path)

    def _check_folder(self, path: str, name: str) -> None:
        """Nothing on the way to the folder is a link, or anything else than a folder."""
        while path:
            found = self.members.get(path)
            if found is not None and found.kind != "folder":
                raise _rejected(name, f"has a path that leads through a {found.kind}", path)
            path = _folder(path)

    def _make_folder(self, path: str, name: str) -> None:
        """The folder is there; one that no layer has is root's, as engines make it."""
        self._check_folder(path, name)
        while path and path not in self.members:
            self.members[path] = Member(path=path, kind="folder", mode=0o755)
            self._names.setdefault(path, set())
            self._names.setdefault(_folder(path), set()).add(_base(path))
            path = _folder(path)

    def _remove(self, path: str) -> None:
        waiting = [path]
        while waiting:
            each = waiting.pop()
            self.members.pop(each, None)
            waiting += [_join(each, name) for name in self._names.pop(each, ())]
        self._names.get(_folder(path), set()).discard(_base(path))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _rejected(name: str, what: str, path: str) -> LayerRejected:
    return LayerRejected(
        f"{name} {what}: {quoted(path)}", hint="do not run this image; ask its owner who built it"
    )


def files_of(members: Mapping[str, Member]) -> dict[str, Member]:
    """What is no folder."""
    return {path: member for path, member in members.items() if member.kind != "folder"}
