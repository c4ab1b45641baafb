"""A job's folder is read alike on this machine and in Cloud Storage."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import storage

from attestation.errors import Denied, Misconfigured, Unavailable
from emulator.running import Running
from symbolon import result_folders
from symbolon.result_folders import open_result_folder, read_object

FILES = {"result": b"all of it", "result-00000.jsonl": b"{}\n", "receipt.json": b"{}"}


@pytest.fixture
def as_operator(through_gateway: Running, monkeypatch: pytest.MonkeyPatch) -> storage.Client:
    """The environment is the operator's, in front of the emulator."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("operator")))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "secundus")
    return storage.Client()


@pytest.fixture
def in_cloud_storage(as_operator: storage.Client) -> str:
    named = "results-to-read"
    bucket = as_operator.lookup_bucket(named) or as_operator.create_bucket(named)
    for name, data in FILES.items():
        bucket.blob(f"run/{name}").upload_from_string(data)
    bucket.blob("run/deeper/result").upload_from_string(b"another job's")
    return "gs://results-to-read/run"


@pytest.fixture
def on_this_machine(tmp_path: Path) -> str:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return str(tmp_path)


@pytest.mark.parametrize("where", ["in_cloud_storage", "on_this_machine"])
def test_its_objects_are_named_and_read(where: str, request: pytest.FixtureRequest) -> None:
    folder = open_result_folder(request.getfixturevalue(where))
    assert sorted(folder.names()) == sorted(FILES)
    for name, data in FILES.items():
        assert read_object(folder, name) == data
    assert read_object(folder, "result-00001.jsonl") is None


@pytest.mark.parametrize("where", ["in_cloud_storage", "on_this_machine"])
def test_what_lies_deeper_is_found_with_its_size(where: str, request: pytest.FixtureRequest) -> None:
    named = request.getfixturevalue(where)
    if where == "on_this_machine":
        (Path(named) / "deeper").mkdir()
        (Path(named) / "deeper" / "result").write_bytes(b"another job's")
    folder = open_result_folder(named)
    assert folder.sizes(".jsonl") == {"result-00000.jsonl": 3}
    assert list(folder.sizes("result").items()) == [("deeper/result", 13), ("result", 9)]
    assert read_object(folder, "deeper/result") == b"another job's"


def test_a_folder_below_that_nobody_may_list_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, onerror: Callable[[OSError], None], **__: object) -> None:
        onerror(PermissionError(13, "Permission denied"))

    monkeypatch.setattr(result_folders.os, "walk", denied)  # type: ignore[attr-defined]
    with pytest.raises(Misconfigured, match="permission denied"):
        open_result_folder(str(tmp_path)).sizes(".json")


def test_a_bucket_that_is_not_there_or_is_not_the_operator_s_is_named(as_operator: storage.Client) -> None:
    with pytest.raises((Misconfigured, Denied), match="gs://nobody-s-bucket"):
        open_result_folder("gs://nobody-s-bucket/run").names()


def test_a_bucket_that_does_not_answer_is_unavailable(
    as_operator: storage.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr(storage.retry.DEFAULT_RETRY, "_timeout", 0.1)
    with pytest.raises(Unavailable, match="cannot be reached"):
        open_result_folder("gs://results-to-read/run").names()


def test_a_disk_that_an_object_has_filled_is_no_fault_of_the_bucket(
    in_cloud_storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.Blob, "download_to_file", fill)
    with pytest.raises(OSError, match="No space left"):  # the command's one line for a full disk
        open_result_folder(in_cloud_storage).open("result")


def test_no_credentials_are_misconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(Misconfigured, match="no Google credentials"):
        open_result_folder("gs://bucket/run")


def test_what_is_no_folder_is_misconfigured(tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_text("{}", encoding="utf-8")
    for name in ("none", "receipt.json"):
        with pytest.raises(Misconfigured, match="is no folder"):
            open_result_folder(str(tmp_path / name))
    with pytest.raises(Misconfigured, match="names no bucket"):
        open_result_folder("gs://")


def test_a_file_that_is_none_of_ours_is_not_read_whole(
    monkeypatch: pytest.MonkeyPatch, on_this_machine: str
) -> None:
    monkeypatch.setattr(result_folders, "MOST_OBJECT_BYTES", 1)
    with pytest.raises(Misconfigured, match="larger than any of ours"):
        read_object(open_result_folder(on_this_machine), "receipt.json")


def test_a_folder_that_cannot_be_listed_is_misconfigured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_result_folder(str(tmp_path))

    def denied(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)  # root, who runs the tests somewhere, may read everything
    with pytest.raises(Misconfigured, match="permission denied"):
        folder.names()


def test_no_project_is_needed_to_read(as_operator: storage.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    as_operator.create_bucket("read-without-a-project").blob("run/result").upload_from_string("x")
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    assert read_object(open_result_folder("gs://read-without-a-project/run"), "result") == b"x"
