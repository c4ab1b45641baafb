"""What the operator gets: parts as they are done, the codelab's `result`, or why there is none.

`contract.parts` says what a part is, `contract.results` what is in it. Every object but `claim.json` and
`error.json` is create-only: nothing that is there is lost, and an object is there whole or not at all. Each
write follows a look at the claim, so who has lost it writes nothing more (`workload.claiming`).
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import IO, Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract.job import CLEAR, JobRecord, LeftOut
from contract.parts import InputLeaf, Part, part_name, part_nonce, part_range, render_part
from contract.results import (
    CODELAB_NAME,
    ERROR_NAME,
    JobError,
    Row,
    is_ours,
    render_codelab_line,
    render_error,
    render_left_out,
    render_row,
)
from contract.uris import FolderUri

from .leaves import Leaves
from .object_storage import storage_failures
from .patience import for_storage
from .scratch import room_for, scratch_file

_BEGINNING = "re"
"""Of the names of `result`, of parts and of the receipt; the rest of a folder is not asked for."""


class ResultFolder:
    """The operator's folder, `uri`, and the objects of ours in it."""

    def __init__(self, client: storage.Client, uri: FolderUri) -> None:
        self.uri = uri
        self._client = client
        self._bucket = client.bucket(uri.bucket)

    def results(self) -> list[str]:
        """The names of `result`, parts and receipt that are there."""
        with self._failures():
            listed = self._client.list_blobs(
                self.uri.bucket,
                prefix=self.uri.prefix + _BEGINNING,
                delimiter="/",
                fields="items(name),nextPageToken",
                **for_storage(),
            )
            names = [blob.name.removeprefix(self.uri.prefix) for blob in listed]
        return [name for name in names if is_ours(name)]

    def read(self, name: str) -> tuple[bytes, int] | None:
        """The object and its generation, or None."""
        with self._failures():
            blob = self._blob(name)
            try:
                return blob.download_as_bytes(**for_storage()), blob.generation
            except NotFound:
                return None

    def generation_of(self, name: str) -> int | None:
        """The generation of the object that is there now, or None."""
        with self._failures():
            blob = self._bucket.get_blob(self.uri.prefix + name, **for_storage())
            return None if blob is None else int(blob.generation)

    def create(self, name: str, content: IO[bytes], content_type: str) -> None:
        """The object is there, with this content, and nothing was overwritten.

        Raises:
            Misconfigured: another one of this name is there; or see `storage_failures`.
            Denied, Unavailable: see `storage_failures`.
        """
        blob = self._blob(name)
        with self._failures():
            try:
                blob.upload_from_file(
                    content, rewind=True, content_type=content_type, if_generation_match=0, **for_storage()
                )
            except PreconditionFailed:
                # It may be ours: the client asks again where an answer was lost on its way.
                content.seek(0)
                blob.reload(**for_storage())
                if blob.md5_hash != _md5(content):
                    raise Misconfigured(
                        f"`{name}` is in RESULT_URI `{self.uri}` already, with another content",
                        hint=CLEAR.format(folder=self.uri),
                    ) from None

    def replace(self, name: str, data: bytes, *, generation: int) -> int | None:
        """The object has this content in place of that of `generation` (0: of none); its new generation.

        None: what is there is of another generation, and stays.
        """
        blob = self._blob(name)
        with self._failures():
            try:
                blob.upload_from_string(
                    data, content_type="application/json", if_generation_match=generation, **for_storage()
                )
            except PreconditionFailed:
                found = self.read(name)
                return found[1] if found is not None and found[0] == data else None
        return int(blob.generation)

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """The object is gone, unless it is of another generation than the one that is named."""
        with self._failures():
            try:
                self._blob(name).delete(if_generation_match=generation, **for_storage())
            except (NotFound, PreconditionFailed):
                return

    def write_error(self, error: JobError) -> None:
        """`error.json` says why the job ended without all its results."""
        with self._failures():
            self._blob(ERROR_NAME).upload_from_string(
                render_error(error), content_type="application/json", **for_storage()
            )

    def _blob(self, name: str) -> storage.Blob:
        return self._bucket.blob(self.uri.prefix + name)

    def _failures(self) -> Any:
        return storage_failures(f"RESULT_URI `{self.uri}`")


class Account:
    """What is known of a job's rows as its parts become known, in any order; then its object `result`.

    About 300 bytes a picture, on scratch and not in the heap, until `result` is written; `leaves` are for
    the receipt.
    """

    def __init__(self, *, score_digits: int) -> None:
        self.rows = 0
        self.unreadable = 0
        self.leaves = Leaves()
        self.score_digits = score_digits
        self._codelab = scratch_file()
        self._places: dict[int, tuple[int, int]] = {}

    def add(self, part: Part, rows: Sequence[Row]) -> None:
        """The part, of these rows, is proved and in the folder: taken over, or just written.

        Raises:
            Misconfigured: scratch space is full.
        """
        self.rows += len(rows)
        self.unreadable += sum(row.error is not None for row in rows)
        lines = (render_codelab_line(row, score_digits=self.score_digits) for row in rows)
        with room_for("the object `result`"):
            start = self._codelab.seek(0, io.SEEK_END)
            self._codelab.write("".join(lines).encode())
            self._codelab.flush()
        self._places[part.index] = (start, self._codelab.tell() - start)
        self.leaves.add(part)

    def write_codelab_result(self, folder: ResultFolder, left_out: LeftOut) -> Digest:
        """The object `result` is in the folder: every row in listing order, what was left out. Its digest."""
        with room_for("the object `result`"), scratch_file() as ordered:
            for _, (start, length) in sorted(self._places.items()):
                self._codelab.seek(start)
                ordered.write(self._codelab.read(length))
            ordered.write(render_left_out(left_out).encode())
            ordered.flush()
            folder.create(CODELAB_NAME, ordered, "text/plain; charset=utf-8")
            ordered.seek(0)
            return Digest(f"sha256:{hashlib.file_digest(ordered, 'sha256').hexdigest()}")

    def __enter__(self) -> Account:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.leaves, room_for("the object `result`"):  # what did not fit before is tried again
            self._codelab.close()


class PartWriter:
    """Makes parts of the rows of those that are `missing`, which come in listing order.

    A part is asked a token for (`ask`, by its nonce) and written once it is whole, after a look at the claim
    (`check`). Whatever ends the rows early, no shorter part is written.
    """

    def __init__(
        self,
        folder: ResultFolder,
        job: JobRecord,
        account: Account,
        *,
        missing: Iterable[int],
        ask: Callable[[str], str],
        check: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._job = job
        self._account = account
        self._missing = iter(missing)
        self._score_digits = account.score_digits
        self._ask = ask
        self._check = check
        self._rows: list[Row] = []
        self._lines: list[bytes] = []
        self._inputs: list[InputLeaf] = []
        self._index: int | None = None

    def write(self, row: Row, *, sha256: str | None) -> None:
        """The row is in its part, or will be once that is whole; `sha256` is of the picture's bytes.

        Raises:
            Misconfigured, Denied, EvidenceRejected, Unavailable: its part could not be written.
        """
        if self._index is None:
            self._index = next(self._missing)
        self._rows.append(row)
        self._lines.append(render_row(row, score_digits=self._score_digits).encode())
        self._inputs.append(InputLeaf(name=row.picture, generation=row.generation, sha256=sha256))
        if len(self._rows) == len(part_range(self._index, len(self._job.pictures))):
            self._write_part(self._index)
            self._index = None

    def _write_part(self, index: int) -> None:
        lines, inputs = tuple(self._lines), tuple(self._inputs)
        token = self._ask(part_nonce(self._job.digest, index, inputs, lines))
        part = Part(index=index, job=self._job.digest, rows=lines, inputs=inputs, token=token)
        self._check()
        self._folder.create(part_name(index), io.BytesIO(render_part(part)), "application/jsonl")
        self._account.add(part, self._rows)
        self._rows.clear()
        self._lines.clear()
        self._inputs.clear()


def _md5(content: Any) -> str:  # a file object; typeshed's IO lacks readinto
    """As Cloud Storage shows an object's MD5."""
    digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()
