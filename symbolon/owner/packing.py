"""What the owner uploads: the model's files as one tar archive, the same bytes wherever it is packed.

Sorted, nobody's, without a time, and not compressed: weights hardly shrink, and what gzip writes differs
between versions of zlib, and so would the digest. The archive is stored nowhere: it is read from the files
that it is made of, piece by piece, so that a large model needs no second copy and no memory. An archive that
the owner has already is taken as it is.

Source: POSIX pax, "ustar Interchange Format"; `workload.model_archive` reads it.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from attestation.digests import Digest
from attestation.errors import Misconfigured, quoted

LABELS = "labels.txt"
"""The name in the archive of a label file that lies outside the model's folder."""
ARCHIVES = (".tar", ".tar.gz", ".tgz")
_BLOCK = 1 << 20
_END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """What an archive is made of: `archive` as it is, or each file by its name in the archive, sorted."""

    archive: Path | None = None
    files: tuple[tuple[str, Path], ...] = ()

    def open(self) -> BinaryIO:
        """The archive's bytes; seekable.

        Raises:
            Misconfigured: a file cannot be read.
        """
        try:
            if self.archive is not None:
                return self.archive.open("rb")
            return io.BufferedReader(_Packed(self.files), _BLOCK)
        except OSError as error:
            raise _unreadable(error) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An archive by its bytes. `crc32c` is in the base64 that Cloud Storage shows it in."""

    size: int
    digest: Digest
    crc32c: str


def packing_of(model: Path, labels: Path | None) -> Packing:
    """How `model` is packed: a SavedModel's folder, an IR (`.xml` and `.bin`), or an archive of either.

    `labels` is the file that names the classes, in the folder or outside it.

    Raises:
        Misconfigured: there is no such model, the label file has no place in it, or a folder is a link.
    """
    if model.is_file() and model.name.endswith(ARCHIVES):
        if labels is not None:
            raise Misconfigured(
                "a label file cannot be added to an archive that is packed already",
                hint="unpack it and name its folder; or leave `--labels` out, where it holds the file",
            )
        return Packing(archive=model)
    if model.is_dir():
        files = dict(_files_below(model))
        if not files:
            raise Misconfigured(f"{quoted(model.name)} is an empty folder", hint=_HINT)
    elif model.is_file() and model.suffix in (".xml", ".bin"):
        parts = (model.with_suffix(".xml"), model.with_suffix(".bin"))
        files = {part.name: part for part in parts}
        if missing := [part.name for part in parts if not part.is_file()]:
            raise Misconfigured(f"an IR is two files, and {quoted(missing[0])} is not there", hint=_HINT)
    else:
        what = "is not there" if not model.exists() else "is no model that is known here"
        raise Misconfigured(f"{quoted(model.name)} {what}", hint=_HINT)
    if labels is not None and name_of_labels(model, labels) == LABELS:
        if LABELS in files and not files[LABELS].samefile(labels):
            raise Misconfigured(
                f"the model's folder has a `{LABELS}`, and another is named",
                hint="remove the one that is wrong, or name the one in the folder",
            )
        files[LABELS] = labels
    return Packing(files=tuple(sorted(files.items())))


def name_of_labels(model: Path, labels: Path) -> str:
    """What the archive calls that label file.

    Raises:
        Misconfigured: there is no such file.
    """
    if not labels.is_file():
        raise Misconfigured(
            f"there is no label file {quoted(labels.name)}", hint="name a file with one class a line"
        )
    folder = model.resolve()
    if model.is_dir() and labels.resolve().is_relative_to(folder):
        return labels.resolve().relative_to(folder).as_posix()
    return LABELS


def measure(packing: Packing, *, note: Callable[[int], None] = lambda _bytes: None) -> Measured:
    """Size, SHA-256 and CRC32C of the archive, read once; `note` is told how many bytes are read.

    Raises:
        Misconfigured: a file cannot be read, or changes while it is.
    """
    import google_crc32c

    sha256, crc32c, size = hashlib.sha256(), 0, 0
    with packing.open() as archive:
        while block := _read(archive):
            sha256.update(block)
            crc32c = google_crc32c.extend(crc32c, block)
            size += len(block)
            note(size)
    shown = base64.b64encode(crc32c.to_bytes(4, "big")).decode()
    return Measured(size=size, digest=Digest("sha256:" + sha256.hexdigest()), crc32c=shown)


def _read(archive: BinaryIO) -> bytes:
    try:
        return archive.read(_BLOCK)
    except OSError as error:
        raise _unreadable(error) from None


def _files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file by its name in the archive."""
    for parent, folders, names in os.walk(folder, onerror=_raise):
        for name in folders:
            if Path(parent, name).is_symlink():
                raise Misconfigured(
                    f"{quoted(name)} in the model's folder is a link to another folder",
                    hint="copy what it leads to in its place: cp -rL MODEL COPY",
                )
        for path in (Path(parent, name) for name in names):
            if not path.is_file():
                raise Misconfigured(
                    f"{quoted(path.name)} in the model's folder is no file", hint="remove it, or name a copy"
                )
            yield path.relative_to(folder).as_posix(), path


def _raise(error: OSError) -> None:
    raise _unreadable(error)


def _unreadable(error: OSError) -> Misconfigured:
    name = Path(str(error.filename or "?")).name
    return Misconfigured(f"cannot read {quoted(name)}: {(error.strerror or 'no reason given').lower()}")


_HINT = "name a SavedModel's folder, an IR's `.xml`, or a `.tar` or `.tar.gz` of either"


class _Packed(io.RawIOBase):
    """The bytes of a tar archive of `files`, as they would lie in a file."""

    def __init__(self, files: Sequence[tuple[str, Path]]) -> None:
        self._pieces: list[bytes | Path] = []
        self._starts: list[int] = []
        self._size = self._at = 0
        self._open: tuple[Path, BinaryIO] | None = None
        for name, path in files:
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            self._add(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
            self._add(path, member.size)
            self._add(bytes(-member.size % tarfile.BLOCKSIZE))
        self._add(_END)
        self._add(bytes(-self._size % tarfile.RECORDSIZE))

    def _add(self, piece: bytes | Path, size: int | None = None) -> None:
        size = len(piece) if isinstance(piece, bytes) else size or 0
        if size:
            self._pieces.append(piece)
            self._starts.append(self._size)
            self._size += size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        if self._at >= self._size:
            return 0
        number = bisect.bisect_right(self._starts, self._at) - 1
        piece, start = self._pieces[number], self._starts[number]
        end = self._starts[number + 1] if number + 1 < len(self._starts) else self._size
        count = min(len(view), end - self._at)
        if isinstance(piece, bytes):
            view[:count] = piece[self._at - start :][:count]
        else:
            self._read_file(piece, self._at - start, view[:count])
        self._at += count
        return count

    def _read_file(self, path: Path, offset: int, view: memoryview) -> None:
        if self._open is None or self._open[0] != path:
            self._let_go()
            self._open = (path, path.open("rb"))
        file = self._open[1]
        file.seek(offset)
        if file.readinto(view) != len(view):  # type: ignore[attr-defined]  # a BufferedReader has it
            raise Misconfigured(
                f"{quoted(path.name)} became shorter while it was packed",
                hint="let no program write the model meanwhile",
            )

    def _let_go(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        self._let_go()
        super().close()
