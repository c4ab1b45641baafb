"""Faults that show on the wire, as the real clients meet them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage.exceptions import DataCorruption

from attestation.errors import Misconfigured
from emulator.faults import Faults, read_faults, take_fault, write_faults
from emulator.running import Running

Switch = Callable[..., None]
DATA = b"0123456789" * 10_000


def test_sts_is_unavailable_as_often_as_it_was_told(through_gateway: Running, faults: Switch) -> None:
    faults(sts_unavailable=2)
    answers = [requests.post("https://sts.googleapis.com/v1/token", timeout=9) for _ in range(3)]
    assert [answer.status_code == 503 for answer in answers] == [True, True, False]
    assert answers[0].json()["error"] == {
        "code": 503,
        "message": "The service is currently unavailable.",
        "status": "UNAVAILABLE",
    }


def test_a_cut_download_ends_in_the_middle(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], faults: Switch
) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(cut_downloads=1)
    with (
        session_of("owner").get(blob.media_link, stream=True) as answer,
        pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"),
    ):
        received = b""
        for data in answer.iter_content(1000):
            received += data
    assert received == DATA[: len(received)]
    assert len(received) == len(DATA) // 2


def test_the_real_client_recovers_from_a_cut_download(bucket: Any, faults: Switch) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(cut_downloads=2)
    assert blob.download_as_bytes() == DATA


def test_the_real_client_notices_a_corrupted_download(bucket: Any, faults: Switch, emulator: Running) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(corrupted_downloads=1)
    with pytest.raises(DataCorruption):
        blob.download_as_bytes()
    assert read_faults(emulator.folder) == Faults()
    assert blob.download_as_bytes() == DATA


def test_nobody_notices_a_corrupted_range(bucket: Any, faults: Switch) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(corrupted_downloads=1)
    assert blob.download_as_bytes(start=0, end=9) == b"0123456788"


@pytest.mark.parametrize("fault", [{"download_bytes_per_s": len(DATA) * 4}, {"storage_latency_ms": 250}])
def test_a_slow_platform_is_slow(bucket: Any, faults: Switch, fault: dict[str, int]) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(**fault)
    began = time.monotonic()
    assert blob.download_as_bytes() == DATA
    assert time.monotonic() - began >= 0.25


def test_an_error_is_not_spoilt(bucket: Any, faults: Switch) -> None:
    faults(cut_downloads=1, corrupted_downloads=1)
    with pytest.raises(Exception, match=f"No such object: {bucket.name}/none"):
        bucket.blob("none").download_as_bytes()


def test_a_fault_is_taken_until_none_is_left(tmp_path: Path) -> None:
    write_faults(tmp_path, Faults(killed_workloads=2, clock_skew_s=5))
    assert [take_fault(tmp_path, "killed_workloads") for _ in range(3)] == [True, True, False]
    assert read_faults(tmp_path) == Faults(clock_skew_s=5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "is not JSON"),
        ("[]", "faults are not a JSON object"),
        ('{"sts_unavailabel": 1}', "`sts_unavailabel` is not a fault"),
        ('{"sts_unavailable": true}', "takes a whole number"),
        ('{"expired_tokens": 1}', "takes true or false"),
    ],
)
def test_a_wrong_faults_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "faults.json").write_text(text)
    with pytest.raises(Misconfigured, match=message):
        read_faults(tmp_path)


def test_a_platform_in_order_has_no_faults(tmp_path: Path) -> None:
    assert read_faults(tmp_path) == Faults()
    write_faults(tmp_path, Faults())
    assert not any(json.loads((tmp_path / "faults.json").read_bytes()).values())
