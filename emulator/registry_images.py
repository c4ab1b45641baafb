"""The images of a repository as they lie in its folder: manifests by their digest, and tags that name them.

What a manifest refers to lies in the repository's own `blobs`, and stays there until the repository goes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .state import reading, write_atomically

_SLASH = "%2F"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One manifest of an image. `size` is that of all it refers to, in bytes."""

    digest: str
    media_type: str
    size: int
    uploaded_at: float
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image of that name in a repository's folder, whether it is there or not."""

    repository: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.repository / "images" / self.name.replace("/", _SLASH)

    @property
    def exists(self) -> bool:
        return self.folder.is_dir()

    def manifest(self, digest: str) -> Path:
        """Where the manifest of that digest is; beside it, `.type` has its media type."""
        return self.folder / digest.removeprefix("sha256:")

    def put(self, digest: str, manifest: bytes, media_type: str) -> None:
        """The manifest is there."""
        write_atomically(self.manifest(digest).with_suffix(".type"), media_type.encode())
        write_atomically(self.manifest(digest), manifest)

    def tags(self) -> dict[str, str]:
        """Tag → digest."""
        path = self._tags_file
        if not path.exists():
            return {}
        with reading(path):
            tags: dict[str, str] = json.loads(path.read_bytes())
        return tags

    def tag(self, name: str, digest: str) -> None:
        """The tag names that manifest, and no other."""
        self._write_tags({**self.tags(), name: digest})

    def untag(self, *names: str) -> None:
        """The tags name nothing."""
        self._write_tags({name: digest for name, digest in self.tags().items() if name not in names})

    def version(self, digest: str) -> Version | None:
        """The manifest of that digest, if it is there."""
        return next((version for version in self.versions() if version.digest == digest), None)

    def versions(self) -> list[Version]:
        """Every manifest, by its digest."""
        tags = self.tags()
        paths = sorted(path for path in self.folder.glob("[0-9a-f]*") if not path.suffix)
        return [self._version(f"sha256:{path.name}", tags) for path in paths]

    def parents_of(self, digest: str) -> list[str]:
        """The digests of the indexes that refer to the manifest."""
        return [
            version.digest
            for version in self.versions()
            if digest in (child.get("digest") for child in self._read(version.digest).get("manifests", []))
        ]

    def delete_version(self, digest: str) -> None:
        """The manifest is gone, with every tag that names it."""
        self.untag(*(tag for tag, named in self.tags().items() if named == digest))
        for path in (self.manifest(digest), self.manifest(digest).with_suffix(".type")):
            path.unlink()

    def delete(self) -> None:
        """The image is gone."""
        shutil.rmtree(self.folder)

    @property
    def _tags_file(self) -> Path:
        return self.folder / "tags.json"

    def _write_tags(self, tags: Mapping[str, str]) -> None:
        write_atomically(self._tags_file, json.dumps(tags).encode())

    def _version(self, digest: str, tags: Mapping[str, str]) -> Version:
        path = self.manifest(digest)
        return Version(
            digest=digest,
            media_type=path.with_suffix(".type").read_text(encoding="utf-8"),
            size=sum(self._sizes(self._read(digest))),
            uploaded_at=path.stat().st_mtime,
            tags=tuple(sorted(tag for tag, named in tags.items() if named == digest)),
        )

    def _read(self, digest: str) -> Any:
        return json.loads(self.manifest(digest).read_bytes())

    def _sizes(self, manifest: Mapping[str, Any]) -> Iterator[int]:
        """Sizes of what the manifest refers to; of an index, of what its manifests refer to."""
        for blob in (manifest.get("config"), *manifest.get("layers", [])):
            if blob is not None:
                yield int(blob.get("size", 0))
        for child in manifest.get("manifests", []):
            yield from self._sizes(self._read(child["digest"]))


def images_in(repository: Path) -> list[StoredImage]:
    """Every image of the repository in that folder, by its name."""
    folders = (repository / "images").glob("*")
    return [StoredImage(repository, name) for name in sorted(unquote(folder.name) for folder in folders)]
