"""Faults that show on the wire, as the real clients meet them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage.exceptions import DataCorruption

from attestation.errors import Misconfigured
from emulator.access_tokens import lifetime_of
from emulator.faults import Faults, Trouble, read_faults, take_killed, take_trouble, trouble, write_faults
from emulator.running import Running
from emulator.state import State

Switch = Callable[..., None]
DATA = b"0123456789" * 10_000


def test_sts_is_unavailable_as_often_as_it_was_told(through_gateway: Running, faults: Switch) -> None:
    faults(Trouble(call="sts", how="503", times=2))
    answers = [requests.post("https://sts.googleapis.com/v1/token", timeout=9) for _ in range(3)]
    assert [answer.status_code == 503 for answer in answers] == [True, True, False]
    assert answers[0].json()["error"] == {
        "code": 503,
        "message": "The service is currently unavailable.",
        "status": "UNAVAILABLE",
    }


@pytest.mark.parametrize("percent", [1, 50, 99])
def test_a_cut_download_ends_where_it_was_told(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], faults: Switch, percent: int
) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(Trouble(call="read", how="cut", percent=percent))
    with (
        session_of("owner").get(blob.media_link, stream=True) as answer,
        pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"),
    ):
        received = b""
        for data in answer.iter_content(1000):
            received += data
    assert received == DATA[: len(received)]
    assert len(received) == len(DATA) * percent // 100


def test_a_download_that_trickles_comes_byte_by_byte_and_whole(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], faults: Switch
) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA[:6])
    faults(Trouble(call="read", how="trickle"))
    with session_of("owner").get(blob.media_link, stream=True) as answer:
        pieces = list(iter(lambda: answer.raw.read1(1000), b""))
    assert b"".join(pieces) == DATA[:6]
    assert len(pieces) > 1


def test_whoever_stops_listening_to_a_download_that_trickles_ends_it(
    bucket: Any, session_of: Callable[[str], AuthorizedSession], faults: Switch
) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(Trouble(call="read", how="trickle"))
    with session_of("owner").get(blob.media_link, stream=True) as answer:
        assert answer.raw.read(2) == DATA[:2]
    assert blob.download_as_bytes() == DATA


def test_the_real_client_recovers_from_a_cut_download(bucket: Any, faults: Switch) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(Trouble(call="read", how="cut", times=2))
    assert blob.download_as_bytes() == DATA


def test_the_real_client_notices_a_corrupted_download(bucket: Any, faults: Switch, emulator: Running) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(Trouble(call="read", how="corrupt"))
    with pytest.raises(DataCorruption):
        blob.download_as_bytes()
    assert [each.times for each in read_faults(emulator.folder).troubles] == [0]
    assert blob.download_as_bytes() == DATA


def test_nobody_notices_a_corrupted_range(bucket: Any, faults: Switch) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(Trouble(call="read", how="corrupt"))
    assert blob.download_as_bytes(start=0, end=9) == b"0123456788"


@pytest.mark.parametrize("fault", [{"download_bytes_per_s": len(DATA) * 4}, {"storage_latency_ms": 250}])
def test_a_slow_platform_is_slow(bucket: Any, faults: Switch, fault: dict[str, int]) -> None:
    blob = bucket.blob("o")
    blob.upload_from_string(DATA)
    faults(**fault)
    began = time.monotonic()
    assert blob.download_as_bytes() == DATA
    assert time.monotonic() - began >= 0.25


def test_cloud_kms_is_busy_and_then_answers(through_gateway: Running, faults: Switch) -> None:
    faults(Trouble(call="kms", how="429"), Trouble(call="kms", how="503", of=":decrypt"))
    url = "https://cloudkms.googleapis.com/v1/projects/primus/locations"
    assert [requests.get(url, timeout=9).status_code for _ in range(2)] == [429, 401]
    key = f"{url}/global/keyRings/ring/cryptoKeys/key"
    asked = [
        requests.post(f"{key}:{verb}", json={}, timeout=9).status_code for verb in ("encrypt", "decrypt")
    ]
    assert asked == [401, 503]


def test_a_checksum_of_cloud_kms_is_another(
    session_of: Callable[[str], AuthorizedSession], faults: Switch
) -> None:
    owner, location = session_of("owner"), "https://cloudkms.googleapis.com/v1/projects/primus/locations/us"
    owner.post(f"{location}/keyRings?keyRingId=spoilt", json={})
    keys = f"{location}/keyRings/spoilt/cryptoKeys"
    owner.post(f"{keys}?cryptoKeyId=key", json={"purpose": "ENCRYPT_DECRYPT"})
    encrypted = owner.post(f"{keys}/key:encrypt", json={"plaintext": "ZGF0YQ=="}).json()
    body = {"ciphertext": encrypted["ciphertext"]}
    faults(Trouble(call="kms", how="corrupt"))
    spoilt, whole = (owner.post(f"{keys}/key:decrypt", json=body).json() for _ in range(2))
    assert spoilt["plaintextCrc32c"] != whole["plaintextCrc32c"]
    assert {**spoilt, "plaintextCrc32c": whole["plaintextCrc32c"]} == whole
    assert whole["plaintext"] == "ZGF0YQ=="


def test_an_error_is_not_spoilt(bucket: Any, faults: Switch) -> None:
    faults(Trouble(call="read", how="cut"), Trouble(call="read", how="corrupt"))
    with pytest.raises(Exception, match=f"No such object: {bucket.name}/none"):
        bucket.blob("none").download_as_bytes()


def test_a_fault_is_taken_until_none_is_left(tmp_path: Path) -> None:
    write_faults(tmp_path, Faults(killed_workloads=2, clock_skew_s=5))
    assert [take_killed(tmp_path) for _ in range(3)] == [True, True, False]
    assert read_faults(tmp_path) == Faults(clock_skew_s=5)


def test_a_trouble_begins_and_ends_when_it_was_told_and_concerns_nothing_else(tmp_path: Path) -> None:
    write_faults(tmp_path, trouble("write", "500", after=1, times=2, of="claim"))
    assert take_trouble(tmp_path, "read", "claim") is None
    assert take_trouble(tmp_path, "write", "part") is None
    taken = [take_trouble(tmp_path, "write", "/claim.json") for _ in range(5)]
    assert [each is not None for each in taken] == [False, True, True, False, False]


@pytest.mark.parametrize("status", ["429", "500", "503"])
@pytest.mark.parametrize("host", ["sts", "iamcredentials", "storage"])
def test_a_service_answers_with_an_error(
    through_gateway: Running, faults: Switch, status: str, host: str
) -> None:
    faults(*(Trouble(call=call, how=status) for call in ("sts", "iam", "list")))  # type: ignore[arg-type]
    url = f"https://{host}.googleapis.com/v1/x" if host != "storage" else STORED
    assert str(requests.get(url, timeout=9).status_code) == status
    assert str(requests.get(url, timeout=9).status_code) != status


STORED = "https://storage.googleapis.com/storage/v1/b/none/o"


def test_a_connection_is_closed_without_an_answer(through_gateway: Running, faults: Switch) -> None:
    faults(Trouble(call="list", how="reset"))
    with pytest.raises(requests.ConnectionError):
        requests.get(STORED, timeout=9)
    assert requests.get(STORED, timeout=9).status_code == 404


def test_an_answer_hangs_until_the_fault_is_off(through_gateway: Running, faults: Switch) -> None:
    faults(Trouble(call="list", how="hang"))
    with pytest.raises(requests.ReadTimeout):
        requests.get(STORED, timeout=0.5)
    faults(Trouble(call="list", how="hang"))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.get, STORED, timeout=30)
        while read_faults(through_gateway.folder).troubles[0].times:
            time.sleep(0.01)
        assert not asked.done()
        faults()
        with pytest.raises(requests.ConnectionError):
            asked.result()


def test_a_write_is_done_though_its_answer_is_lost(bucket: Any, faults: Switch) -> None:
    faults(Trouble(call="write", how="lost", of="kept"))
    blob = bucket.blob("o")
    with pytest.raises(requests.ConnectionError):
        blob.upload_from_string(b"kept", retry=None)
    assert blob.download_as_bytes() == b"kept"


def test_access_tokens_live_as_long_as_they_are_told_to(tmp_path: Path) -> None:
    state = State(tmp_path, clock=time.time)
    assert lifetime_of(state, 3599) == 3599
    write_faults(tmp_path, Faults(access_token_lifetime_s=2))
    assert (lifetime_of(state, 3599), lifetime_of(state, 1)) == (2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "is not JSON"),
        ("[]", "faults are not a JSON object"),
        ('{"clock_skew": 1}', "`clock_skew` is not a fault"),
        ('{"killed_workloads": true}', "takes a whole number"),
        ('{"troubles": {}}', "takes a list"),
        ('{"troubles": [1]}', "a trouble is not a JSON object"),
        ('{"troubles": [{"cal": "sts"}]}', "`cal` is not a member of a trouble"),
        ('{"troubles": [{"of": 1}]}', "takes a text"),
        ('{"troubles": [{"call": "stss", "how": "503"}]}', "has such a `call`"),
        ('{"troubles": [{"call": "sts", "how": "504"}]}', "has such a `how`"),
        ('{"expired_tokens": 1}', "takes true or false"),
    ],
)
def test_a_wrong_faults_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "faults.json").write_text(text)
    with pytest.raises(Misconfigured, match=message):
        read_faults(tmp_path)


def test_a_client_is_told_of_a_wrong_faults_file_and_does_not_try_again(through_gateway: Running) -> None:
    file = through_gateway.folder / "faults.json"
    try:
        file.write_text('{"clock_skew": 1}')
        answer = requests.get(STORED, timeout=9)
    finally:
        file.unlink()
    assert answer.status_code == 400
    expected = "the emulator's faults cannot be read: `clock_skew` is not a fault"
    assert answer.json()["error"]["message"] == expected
    assert requests.get(STORED, timeout=9).status_code == 404


def test_a_platform_in_order_has_no_faults(tmp_path: Path) -> None:
    assert read_faults(tmp_path) == Faults()
    write_faults(tmp_path, Faults())
    assert not any(json.loads((tmp_path / "faults.json").read_bytes()).values())
