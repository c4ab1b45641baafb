"""A layer of an image, read: what each member of its tar is, and nothing of it unpacked.

The layer may be anybody's. What an unpacker could be led astray by is refused as a whole, with the member's
name: a path that leads out of the image, a sparse member, a member of no known kind, bytes behind the tar's
end. Work is bounded by `Limits`, whatever a header or a compressed stream promises.

Source: opencontainers/image-spec v1.1, layer.md; POSIX.1-2017, pax, "ustar Interchange Format".
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, NotKnown, quoted

Kind = Literal["file", "folder", "symbolic link", "hard link", "device", "pipe"]
Keeps = Callable[[str, int], bool]
"""Whether the content of the file at this path, of so many bytes, is kept."""

_CHUNK: Final = 1 << 20
_MOST_AT_ONCE: Final = 4 << 20
"""More is read at once by nobody who reads honest headers: names of members are shorter."""
_MOST_KEPT: Final = 64 << 20
_GZIP: Final = b"\x1f\x8b"
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_XATTR: Final = "SCHILY.xattr."
_KINDS: Final[dict[bytes, Kind]] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "pipe",
}


class LayerRejected(EvidenceRejected):
    """A layer is not what an honest builder writes; nothing more of it is read."""

    code = "layer-rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a layer, or one file of an image.

    `path` is relative to the image's root, which is "". `mode` has the permission bits alone, `mtime` is in
    seconds since the epoch, `sha256` is of the content in hex digits. `target` is where a link leads, and a
    device's numbers; `attributes` are the extended ones, by name.
    """

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    sha256: str = ""
    target: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of an image is read: of all its layers together, but for `most_times_larger`.

    That is how many times a layer's tar may be as large as its blob, `allowance_bytes` aside.
    """

    members: int = 500_000
    unpacked_bytes: int = 16 << 30
    most_times_larger: int = 200
    allowance_bytes: int = 64 << 20


class Store:
    """Contents that are kept, in a folder, by their SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, sha256: str, content: bytes) -> None:
        path = self._folder / sha256
        if not path.exists():
            path.write_bytes(content)

    def read(self, sha256: str) -> bytes | None:
        """The content, or None where it was not kept."""
        path = self._folder / sha256
        return path.read_bytes() if path.is_file() else None


class Spent:
    """What was read of one image so far."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.members = 0
        self.unpacked_bytes = 0


def read_layer(
    blob: Path, *, name: str, store: Store, keeps: Keeps, spent: Spent
) -> tuple[Digest, tuple[Member, ...]]:
    """The digest of the blob's tar, uncompressed, and the tar's members in their order.

    `name` is what messages call the layer. What `keeps` asks for is in the `store` afterwards.

    Raises:
        LayerRejected: it is no tar, a hostile one, or one beyond the limits.
        NotKnown: it is compressed in a way that is not read here.
        OSError: the blob cannot be read.
    """
    with blob.open("rb") as file:
        begins = file.read(4)
        file.seek(0)
        if begins == _ZSTANDARD:
            raise NotKnown(
                f"{name} is compressed by zstd, which is not read here",
                hint="ask the owner for an image whose layers are gzipped, as registries have them",
            )
        compressed = begins[:2] == _GZIP
        most = blob.stat().st_size * spent.limits.most_times_larger + spent.limits.allowance_bytes
        stream = _Forward(gzip.GzipFile(fileobj=file) if compressed else file, name, most, spent)
        try:
            members = tuple(_members(stream, name, store, keeps, spent))
            stream.drain()
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError):
            raise _rejected(name, "is no tar archive that can be read to its end") from None
        return Digest(f"sha256:{stream.digest.hexdigest()}"), members


def _members(stream: _Forward, name: str, store: Store, keeps: Keeps, spent: Spent) -> Iterator[Member]:
    with tarfile.open(fileobj=stream, mode="r:", errorlevel=2) as archive:  # type: ignore[call-overload]
        while (found := archive.next()) is not None:
            archive.members.clear()  # it would keep them all
            spent.members += 1
            if spent.members > spent.limits.members:
                raise _rejected(name, f"has more than {spent.limits.members:,} members, with those before it")
            yield _member(archive, found, name, store, keeps, spent)
    if any(stream.last):
        raise _rejected(name, "has a member whose header cannot be read")


def _member(
    archive: tarfile.TarFile, found: tarfile.TarInfo, name: str, store: Store, keeps: Keeps, spent: Spent
) -> Member:
    path = normal_path(found.name, name)
    kind = _KINDS.get(found.type)
    if kind is None or any(each.startswith("GNU.sparse") for each in found.pax_headers):
        what = "is sparse" if found.issparse() else "is of no known kind"
        raise _rejected(name, f"has a member that {what}: {quoted(path)}")
    if found.size < 0 or found.size > spent.limits.unpacked_bytes:
        raise _rejected(name, f"has a member of {found.size:,} bytes: {quoted(path)}")
    target = ""
    if kind == "symbolic link":
        target = found.linkname
    elif kind == "hard link":
        target = normal_path(found.linkname, name)
    elif kind == "device":
        target = f"{found.type.decode()} {found.devmajor}:{found.devminor}"
    return Member(
        path=path,
        kind=kind,
        mode=found.mode & 0o7777,
        uid=found.uid,
        gid=found.gid,
        mtime=int(found.mtime),
        size=found.size if kind == "file" else 0,
        sha256=_content(archive, found, path, store, keeps) if kind == "file" else "",
        target=target,
        attributes=tuple(
            sorted(
                (key.removeprefix(_XATTR), value)
                for key, value in found.pax_headers.items()
                if key.startswith(_XATTR)
            )
        ),
    )


def _content(archive: tarfile.TarFile, found: tarfile.TarInfo, path: str, store: Store, keeps: Keeps) -> str:
    """The SHA-256 of the member's content."""
    digest = hashlib.sha256()
    kept: list[bytes] | None = [] if found.size <= _MOST_KEPT and keeps(path, found.size) else None
    content = archive.extractfile(found)
    while content is not None and (chunk := content.read(_CHUNK)):
        digest.update(chunk)
        if kept is not None:
            kept.append(chunk)
    if kept is not None:
        store.write(digest.hexdigest(), b"".join(kept))
    return digest.hexdigest()


def normal_path(path: str, name: str) -> str:
    """`path` from the image's root, whichever way it is written.

    >>> normal_path("./usr//bin/", "a layer")
    'usr/bin'

    Raises:
        LayerRejected: it leads out of the image.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _rejected(name, f"has a path that leads out of the image: {quoted(path)}")
    return "/".join(parts)


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Forward:
    """A stream as `tarfile` wants a file, which only goes forward, counted, hashed and bounded."""

    def __init__(self, source: _Source | BinaryIO, name: str, most_bytes: int, spent: Spent) -> None:
        self.digest = hashlib.sha256()
        self.last = b""
        """What was read last: at a tar's end its zeros, or nothing."""
        self._source = source
        self._name = name
        self._most_bytes = most_bytes
        self._spent = spent
        self._position = 0

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        while self._position < position:
            if not self.read(min(_CHUNK, position - self._position)):
                break
        if self._position != position:
            raise _rejected(self._name, "ends before a member does, or goes back")
        return position

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MOST_AT_ONCE:
            raise _rejected(self._name, "has a name or a header of several megabytes")
        parts = []
        while size and (part := self._source.read(size)):
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        self.last = data
        self._position += len(data)
        self._spent.unpacked_bytes += len(data)
        if self._position > self._most_bytes:
            raise _rejected(self._name, f"is a decompression bomb: more than {self._most_bytes:,} bytes")
        if self._spent.unpacked_bytes > self._spent.limits.unpacked_bytes:
            most = self._spent.limits.unpacked_bytes
            raise _rejected(self._name, f"unpacks, with those before it, to more than {most:,} bytes")
        self.digest.update(data)
        return data

    def drain(self) -> None:
        """The stream is at its end, and nothing but zeros was left of it."""
        while data := self.read(_CHUNK):
            if data.count(0) != len(data):
                raise _rejected(self._name, "has bytes behind the end of its tar archive")


def _rejected(name: str, what: str) -> LayerRejected:
    return LayerRejected(f"{name} {what}", hint="do not run this image; ask its owner who built it")
