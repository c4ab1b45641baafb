"""Files that are written whole: who reads one meanwhile sees the old one or the new one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from attestation.errors import Misconfigured, quoted


def write(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """The files are in the folder, each whole or as it was; the names of those that were not so before.

    Raises:
        Misconfigured: the folder cannot be written to.
    """
    changed = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            file = folder / name
            if file.is_file() and file.read_text("utf-8", errors="replace") == text:
                continue
            with tempfile.NamedTemporaryFile(
                "w", dir=folder, prefix=f".{name}-", delete=False, encoding="utf-8"
            ) as draft:
                try:
                    draft.write(text)
                    draft.flush()
                    Path(draft.name).chmod(0o644)
                    Path(draft.name).replace(file)
                finally:
                    Path(draft.name).unlink(missing_ok=True)  # where it has not become the file
            changed.append(name)
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise Misconfigured(
            f"cannot write to {quoted(str(folder))}: {reason}", hint="name another folder"
        ) from None
    return tuple(changed)
