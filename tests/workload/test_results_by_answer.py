"""Results where Cloud Storage answers in an unusual way: page by page, or with an answer that was lost."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import IO, Any

import pytest
from google.api_core.exceptions import PreconditionFailed
from google.cloud import storage

from attestation.errors import Misconfigured
from contract.results import PictureError, Row
from contract.uris import FolderUri
from workload import results
from workload.results import ResultWriter, claim_folder

FOLDER = FolderUri(bucket="results", prefix="run/")
GONE = Row(picture="a.png", generation=1, error=PictureError(code="gone", message="it was deleted"))


class AnswersLost:
    """Storage that keeps every object and loses every answer, so that what is sent again is there already."""

    def __init__(self, kept_otherwise: bytes = b"") -> None:
        self.kept: dict[str, bytes] = {}
        self._added = kept_otherwise
        self._name = ""

    def bucket(self, _: str) -> AnswersLost:
        return self

    def blob(self, name: str) -> AnswersLost:
        self._name = name
        return self

    def upload_from_file(self, content: IO[bytes], **options: Any) -> None:
        assert options["if_generation_match"] == 0
        content.seek(0)
        self.kept[self._name] = content.read() + self._added
        raise PreconditionFailed("it is there")  # type: ignore[no-untyped-call]

    def reload(self) -> None:
        pass

    @property
    def md5_hash(self) -> str:
        return base64.b64encode(hashlib.md5(self.kept[self._name]).digest()).decode()


def test_what_was_written_though_its_answer_was_lost_is_known_by_its_md5() -> None:
    client: Any = AnswersLost()
    with ResultWriter(client, FOLDER, score_digits=3) as writer:
        writer.write(GONE)
    assert client.kept["run/result"] == b"Image: a.png, Response: {'error': 'it was deleted'}\n"
    assert client.kept["run/result-00000.jsonl"].count(b"\n") == 1


def test_what_somebody_else_wrote_meanwhile_is_not_ours() -> None:
    client: Any = AnswersLost(kept_otherwise=b"x")
    with (
        pytest.raises(Misconfigured, match="holds results already"),
        ResultWriter(client, FOLDER, score_digits=3) as writer,
    ):
        writer.write(GONE)


def test_parts_are_counted_in_decimal_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "ROWS_A_PART", 1)
    client: Any = AnswersLost()
    with ResultWriter(client, FOLDER, score_digits=3) as writer:
        for _ in range(11):
            writer.write(GONE)
    assert sorted(client.kept)[-2:] == ["run/result-00009.jsonl", "run/result-00010.jsonl"]


def test_results_are_found_on_any_page_of_a_listing_which_leaves_folders_out(
    as_operator: storage.Client, make_bucket: Callable[[], storage.Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = make_bucket()
    for name in ("re/below", "re-a", "re-b", "result"):
        bucket.blob(f"run/{name}").upload_from_string("")
    list_blobs, listed = as_operator.list_blobs, []

    def page_by_page(*arguments: Any, **options: Any) -> Iterator[storage.Blob]:
        for blob in list_blobs(*arguments, page_size=1, **options):
            listed.append(blob.name)
            yield blob

    monkeypatch.setattr(as_operator, "list_blobs", page_by_page)
    with pytest.raises(Misconfigured, match="holds results already"):
        claim_folder(as_operator, FolderUri(bucket=bucket.name, prefix="run/"))
    assert listed == ["run/re-a", "run/re-b", "run/result"]
