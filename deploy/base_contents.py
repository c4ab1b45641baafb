"""What a base image holds, read from its layers: whether ours runs on it as it is.

The requirements are looked for by the folders `NAME-VERSION.dist-info` that every wheel leaves, as they are
after the last layer. That says what was installed, and not that its files are the wheel's: whoever reviews
compares those.

Source: opencontainers/image-spec, layer.md ("Whiteouts") and config.md; packaging.python.org, "Recording
installed projects" and "Name normalization".
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, Final

from attestation.errors import EvidenceRejected, Misconfigured, quoted

from .dockerfile import Dockerfile
from .image import LAUNCH_POLICY
from .layout import Layout

_PINNED: Final = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)", re.MULTILINE)
_PYTHON: Final = re.compile(r"/usr/local/lib/python(\d+\.\d+)/site-packages")
_INSTALLED: Final = re.compile(
    r"usr/local/lib/python(?P<python>\d+\.\d+)/site-packages"
    r"/(?P<name>[^/]+)-(?P<version>[^/-]+)\.dist-info/METADATA"
)
_TARS: Final = {
    "application/vnd.oci.image.layer.v1.tar": False,
    "application/vnd.oci.image.layer.v1.tar+gzip": True,
    "application/vnd.docker.image.rootfs.diff.tar": False,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": True,
}
_INTERPRETER: Final = "usr/local/bin/python"
_CHUNK: Final = 1 << 20
_MOST_NAMED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseContents:
    """A base's configuration, and what of its files matters to us.

    `installed`: by the Python that it is for, the version of each package by its normalised name.
    `has_interpreter`: there is the `python` that the entry point finds. `ours`: a file where only ours
    belong, or nothing.
    """

    document: Mapping[str, Any]
    installed: Mapping[str, Mapping[str, str]]
    has_interpreter: bool
    ours: str = ""

    @property
    def config(self) -> Mapping[str, Any]:
        return dict(self.document.get("config") or {})


def read_contents(base: Layout, *, on_layer: Callable[[str], None] = lambda digest: None) -> BaseContents:
    """What is in the base after its last layer.

    Raises:
        EvidenceRejected: a layer is not what manifest or configuration say.
        Misconfigured: it is no image, or has a layer of a kind that is not read here.
    """
    try:
        document = dict(json.loads(base.configuration))
        diff_ids = [str(each) for each in document["rootfs"]["diff_ids"]]
        paths: set[str] = set()
        for descriptor, diff_id in zip(base.manifest["layers"], diff_ids, strict=True):
            on_layer(str(descriptor["digest"]))
            kind = str(descriptor.get("mediaType", ""))
            if kind not in _TARS:
                raise Misconfigured(
                    f"the base has a layer of type {quoted(kind)}, which is not read here",
                    hint="push it with layers compressed by gzip, as every engine does unless told otherwise",
                )
            with base.file(descriptor["digest"]).open("rb") as file:
                stream = _Counted(file, gzipped=_TARS[kind])
                paths, digest = _after(paths, stream), stream.digest()
            if digest != diff_id:
                raise EvidenceRejected(
                    "a layer of the base has other contents than its configuration says",
                    hint="build the base again, or copy it whole",
                )
    except (ValueError, LookupError, TypeError, AttributeError, tarfile.TarError, EOFError, zlib.error):
        raise Misconfigured("the base is no image that can be read", hint="is it the right digest?") from None
    return BaseContents(
        document=document,
        installed=_installed(paths),
        has_interpreter=_INTERPRETER in paths,
        ours=min((path for path in paths if path.startswith("app/")), default=""),
    )


def check_base(found: BaseContents, dockerfile: Dockerfile, requirements: str, *, runtime: str) -> None:
    """Ours runs on the base: machine, interpreter and each requirement are those of the Dockerfile.

    `requirements` is the text of `deploy/requirements-RUNTIME.txt`.

    Raises:
        Misconfigured: it does not; the first thing that stands against it is named.
    """
    machine = f"{found.document.get('os', '')}/{found.document.get('architecture', '')}"
    if machine != "linux/amd64":
        raise Misconfigured(
            f"the base is for {quoted(machine)}, and the machine is linux/amd64",
            hint="name the digest of a base that was built for linux/amd64",
        )
    _check_configuration(found)
    python = _python_of(dockerfile)
    if not found.has_interpreter:
        raise Misconfigured(f"the base has no `/{_INTERPRETER}`", hint=_MAKE.format(runtime=runtime))
    installed, wanted = found.installed.get(python, {}), pinned_in(requirements)
    others = sorted(set(found.installed) - {python})
    if not installed and others:
        raise Misconfigured(
            f"the base holds packages for Python {', '.join(others)}, and the image runs Python {python}",
            hint=_MAKE.format(runtime=runtime),
        )
    missing = [name for name in wanted if name not in installed]
    if missing:
        raise Misconfigured(
            f"the base lacks {len(missing)} of {len(wanted)} requirements for {runtime}: {_some(missing)}",
            hint=_MAKE.format(runtime=runtime),
        )
    other = [f"{name} {installed[name]}" for name in wanted if installed[name] != wanted[name]]
    if other:
        raise Misconfigured(
            f"the base has other versions than deploy/requirements-{runtime}.txt: {_some(other)}",
            hint=_MAKE.format(runtime=runtime),
        )


_MAKE: Final = "`scripts/make-base-image --runtime {runtime}` makes one that has them; see docs/how-to"


def _check_configuration(found: BaseContents) -> None:
    """Nothing of the base's would reach further than its files."""
    labels = found.config.get("Labels") or {}
    if policy := sorted(name for name in labels if name.startswith(LAUNCH_POLICY)):
        raise Misconfigured(
            f"the base has a launch policy of its own: {quoted(policy[0])}",
            hint="take a base without it: what an operator may do is the owner's image's to say",
        )
    if found.config.get("OnBuild"):
        raise Misconfigured(
            "the base has steps for whoever builds on it (ONBUILD), and nothing is run here",
            hint="take a base without them, or build with an engine: leave out --append",
        )
    if found.ours:
        raise Misconfigured(
            f"the base has {quoted('/' + found.ours)}, where only the owner's files belong",
            hint="take a base that ends before them; `scripts/make-base-image` makes one",
        )


def pinned_in(requirements: str) -> dict[str, str]:
    """Each requirement's version by its normalised name.

    >>> pinned_in("google_auth==2.1 ; x \\\\\\n    --hash=sha256:00")
    {'google-auth': '2.1'}
    """
    return {_normalised(found["name"]): found["version"] for found in _PINNED.finditer(requirements)}


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _python_of(dockerfile: Dockerfile) -> str:
    """The version of Python whose packages the Dockerfile installs."""
    found = {version for run in dockerfile.runs for version in _PYTHON.findall(run)}
    (python,) = found
    return str(python)


def _installed(paths: Collection[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path in paths:
        if match := _INSTALLED.fullmatch(path):
            found.setdefault(match["python"], {})[_normalised(match["name"])] = match["version"]
    return found


def _after(paths: Collection[str], layer: IO[bytes] | _Counted) -> set[str]:
    """The paths that matter, once the layer lies over what had `paths`."""
    kept, added = set(paths), set()
    with tarfile.open(fileobj=layer, mode="r|") as archive:  # type: ignore[call-overload]
        for path in _names(archive):
            name, folder = path.name, str(path.parent)
            if name == ".wh..wh..opq":
                kept -= {each for each in kept if each.startswith(f"{folder}/")}
            elif name.startswith(".wh."):
                gone = str(path.parent / name.removeprefix(".wh."))
                kept -= {each for each in kept if each == gone or each.startswith(f"{gone}/")}
            elif _matters(path):
                added.add(str(path))
    return kept | added


def _matters(path: PurePosixPath) -> bool:
    if path.parts[:1] == ("app",):
        return len(path.parts) > 1
    return str(path) == _INTERPRETER or (path.name == "METADATA" and path.parent.name.endswith(".dist-info"))


def _names(archive: tarfile.TarFile) -> Iterator[PurePosixPath]:
    while (member := archive.next()) is not None:
        yield PurePosixPath("/", member.name).relative_to("/")
        archive.members.clear()  # type: ignore[attr-defined]  # or memory grows with every file of every layer


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


class _Counted:
    """A layer's uncompressed bytes, counted as they are read."""

    def __init__(self, file: IO[bytes], *, gzipped: bool) -> None:
        self._file = file
        self._gunzip = zlib.decompressobj(wbits=31) if gzipped else None
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        while chunk := (self._gunzip and self._gunzip.unconsumed_tail) or self._file.read(size):
            data = self._gunzip.decompress(chunk, size) if self._gunzip else chunk
            if data:
                self._hash.update(data)
                return data
        return b""

    def digest(self) -> str:
        """The digest of all uncompressed bytes, those behind the archive's end included."""
        while self.read(_CHUNK):
            pass
        return f"sha256:{self._hash.hexdigest()}"
