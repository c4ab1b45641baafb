"""Where the photos are: files of a local folder, or objects of the emulator's Cloud Storage."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from google.cloud import storage
from google.oauth2.credentials import Credentials

from emulator import running
from emulator.faults import Faults, write_faults
from emulator.running import Running

BUCKET = "photos-of-the-benchmark"
_UPLOADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What a contestant is told of it; nothing, where photos are files."""

    bucket: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    emulator: Running | None = None

    @property
    def server_pid(self) -> int:
        return self.emulator.pid if self.emulator else 0

    def delay(self, latency_ms: int) -> None:
        """Every request to it waits so long from now on."""
        if self.emulator:
            write_faults(self.emulator.folder, Faults(storage_latency_ms=latency_ms))


@contextmanager
def emulated(photos: Path) -> Iterator[Storage]:
    """An emulator whose bucket `BUCKET` has the photos of the folder."""
    with tempfile.TemporaryDirectory(prefix="symbolon-benchmark-") as folder:
        emulator = running.start(Path(folder))
        credentials = emulator.credentials_file("operator")
        project = "secundus"
        try:
            with patch.dict(os.environ, emulator.env):
                client = storage.Client(
                    project=project,
                    credentials=Credentials.from_authorized_user_file(str(credentials)),  # type: ignore[no-untyped-call]
                )
                upload(client.create_bucket(BUCKET, project=project), photos)
            env = {
                **emulator.env,
                "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
                "GOOGLE_CLOUD_PROJECT": project,
            }
            yield Storage(bucket=BUCKET, env=env, emulator=emulator)
        finally:
            emulator.stop()


def upload(bucket: storage.Bucket, photos: Path, *, prefix: str = "") -> None:
    """The bucket has every file of the folder."""
    with ThreadPoolExecutor(_UPLOADS) as pool:
        for _ in pool.map(
            lambda path: bucket.blob(prefix + path.name).upload_from_filename(str(path)),
            sorted(photos.iterdir()),
        ):
            pass
