"""The operator's own photos, as a web page can hold them: small, and not without end."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Final
from urllib.parse import quote

from attestation.errors import SymbolonError
from contract.results import Row
from contract.uris import FolderUri
from deploy.google_api import STORAGE, GoogleApi

from ..signing_in import sign_in

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of all photos in one page; what comes after them has its name alone."""
_LONGEST_SIDE: Final = 640
_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
}


class Photos:
    """The pictures of a job, from `source` or from a folder of this machine, up to `MOST_BYTES` of them."""

    def __init__(
        self, source: FolderUri | None, *, folder: Path | None, most_bytes: int = MOST_BYTES
    ) -> None:
        self._source = source
        self._folder = folder
        self._left = most_bytes
        self._api: GoogleApi | None = None

    def address_of(self, row: Row) -> str:
        """The picture as a `data:` address; "" where it cannot be read, or there is no more room."""
        kind = _TYPES.get(Path(row.picture).suffix.lower())
        data = None if kind is None or self._left <= 0 else self._read(row)
        if not data or kind is None:
            return ""
        kind, data = _small(kind, data)
        if len(data) > self._left:
            self._left = 0
            return ""
        self._left -= len(data)
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"

    def _read(self, row: Row) -> bytes | None:
        if self._folder is not None:
            try:
                return (self._folder / Path(row.picture).name).read_bytes()
            except OSError:
                return None
        if self._source is None:
            return None
        url = f"{STORAGE}/b/{self._source.bucket}/o/{quote(row.picture, safe='')}"
        parameters = {"alt": "media", "generation": str(row.generation)}
        try:
            self._api = self._api or sign_in("operator")
            return self._api.send("GET", url, doing="reading a photo", params=parameters).content
        except SymbolonError:
            return None  # it was replaced or deleted since, or may not be read


def _small(kind: str, data: bytes) -> tuple[str, bytes]:
    """The picture in the size that a page shows, where Pillow is installed and can read it."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        return kind, data
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))
            turned = ImageOps.exif_transpose(picture).convert("RGB")
            turned.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
            file = io.BytesIO()
            turned.save(file, "JPEG", quality=85)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return kind, data  # a browser may read it all the same
    small = file.getvalue()
    return ("image/jpeg", small) if len(small) < len(data) else (kind, data)
