"""What the operator gets: rows in parts as they are done, the codelab's `result`, or why there is none.

A part is `result-NNNNN.jsonl`, and at the end comes `result`; `contract.results` says what is in them.
Everything is create-only: nothing that is there is lost, and an object is there whole or not at
all. What has been written before a failure stays.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tempfile
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage

from attestation.errors import Misconfigured
from contract.results import JobError, Row, render_codelab_line, render_error, render_row
from contract.uris import FolderUri

from .object_storage import storage_failures
from .scratch import room_for

ROWS_A_PART = 1000
SECONDS_A_PART = 30.0

_OURS = re.compile(r"result|result-\d{5}\.jsonl|receipt\.json")
_ERROR = "error.json"


def claim_folder(client: storage.Client, folder: FolderUri) -> None:
    """The folder holds no results, nor the `error.json` of an earlier attempt.

    Raises:
        Misconfigured: it holds results already; or see `storage_failures`.
    """
    with storage_failures(f"RESULT_URI `{folder}`"):
        # Every name of ours but `error.json` begins so; the rest of the folder is not asked for.
        ours = f"{folder.prefix}re"
        fields = "items(name),nextPageToken"
        for blob in client.list_blobs(folder.bucket, prefix=ours, delimiter="/", fields=fields):
            if _OURS.fullmatch(blob.name.removeprefix(folder.prefix)):
                raise _taken(folder)
        try:
            client.bucket(folder.bucket).blob(folder.prefix + _ERROR).delete()
        except NotFound:
            return


def write_error(client: storage.Client, folder: FolderUri, error: JobError) -> None:
    """`error.json` says why the job ended without all its results.

    Raises:
        Misconfigured, Denied, Unavailable: see `storage_failures`.
    """
    with storage_failures(f"RESULT_URI `{folder}`"):
        client.bucket(folder.bucket).blob(folder.prefix + _ERROR).upload_from_string(
            render_error(error), content_type="application/json"
        )


class ResultWriter:
    """Writes rows to `folder`, `score_digits` digits after the decimal point of each score.

    A block it manages ends with everything written; one that an exception ends, with the rows so far.
    """

    def __init__(
        self,
        client: storage.Client,
        folder: FolderUri,
        *,
        score_digits: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bucket = client.bucket(folder.bucket)
        self._folder = folder
        self._score_digits = score_digits
        self._clock = clock
        self._parts = 0
        self._lines: list[str] = []
        self._part_began = clock()
        # About 300 bytes a picture, on scratch and not in the heap, until `result` is written.
        self._codelab: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__

    def write(self, row: Row) -> None:
        """The row is in a part, or will be within `SECONDS_A_PART` seconds of rows coming in.

        Raises:
            Misconfigured, Denied, Unavailable: its part could not be written, or scratch space is full.
        """
        self._lines.append(render_row(row, score_digits=self._score_digits))
        with room_for("the object `result`"):
            self._codelab.write(render_codelab_line(row, score_digits=self._score_digits).encode())
        if len(self._lines) >= ROWS_A_PART or self._clock() - self._part_began >= SECONDS_A_PART:
            self._write_part()

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with room_for("the object `result`"), self._codelab:
            self._write_part()
            if error is None:
                self._codelab.flush()
                self._create("result", self._codelab, "text/plain; charset=utf-8")

    def _write_part(self) -> None:
        if self._lines:
            content = io.BytesIO("".join(self._lines).encode())
            self._create(f"result-{self._parts:05}.jsonl", content, "application/jsonl")
            self._parts += 1
            self._lines.clear()
        self._part_began = self._clock()

    def _create(self, name: str, content: IO[bytes], content_type: str) -> None:
        blob = self._bucket.blob(self._folder.prefix + name)
        with storage_failures(f"RESULT_URI `{self._folder}`"):
            try:
                blob.upload_from_file(content, rewind=True, content_type=content_type, if_generation_match=0)
            except PreconditionFailed:
                # It may be ours: the client asks again where an answer was lost on its way.
                content.seek(0)
                blob.reload()
                if blob.md5_hash != _md5(content):
                    raise _taken(self._folder) from None


def _taken(folder: FolderUri) -> Misconfigured:
    return Misconfigured(
        f"RESULT_URI `{folder}` holds results already", hint="choose an empty folder; nothing is overwritten"
    )


def _md5(content: Any) -> str:  # a file object; typeshed's IO lacks readinto
    """As Cloud Storage shows an object's MD5."""
    digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()
