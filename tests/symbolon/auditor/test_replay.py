"""Which sealed runs today's policy would refuse: each receipt is verified, and decided anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from google.cloud import storage

from contract.receipt import MOST_BYTES
from emulator.running import Running, start
from tests.receipts import IMAGE, Draft, root
from tests.symbolon.conftest import Answered, Ask

Replay = Callable[[str], Answered]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs: on AMD SEV, and on Intel TDX; and a file that is no receipt."""
    tdx = Draft()
    tdx.claims["hwmodel"] = "GCP_INTEL_TDX"
    for name, draft in (("june/receipt.json", Draft()), ("july/receipt.json", tdx)):
        path = tmp_path / "runs" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(draft.make())
    (tmp_path / "runs" / "june" / "job.json").write_text("{}", encoding="utf-8")
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("emulator"))
    yield running
    running.stop()


@pytest.fixture
def replay(ask: Ask, folder: Path, tmp_path: Path) -> Replay:
    """`auditor replay` under this condition."""
    pem, policy = tmp_path / "root.pem", tmp_path / "policy.cel"
    pem.write_bytes(root().public_bytes(Encoding.PEM))

    def replayed(condition: str, *more: str) -> Answered:
        policy.write_text(condition, encoding="utf-8")
        return ask("auditor", "replay", folder, "--policy", policy, "--root", pem, *more)

    return replayed


@pytest.fixture(autouse=True)
def in_2027(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's one clock stands where the receipts were sealed."""
    from datetime import UTC, datetime

    from symbolon.auditor import arguments
    from tests.receipts import NOW

    monkeypatch.setattr(arguments, "now", lambda: datetime.fromtimestamp(NOW + 86_400 * 300, UTC))


PINNED = f'assertion.submods.container.image_digest == "{IMAGE}"'
TDX = f'{PINNED} && assertion.hwmodel == "GCP_INTEL_TDX"'


def test_nobody_is_refused_by_the_policy_of_then(replay: Replay) -> None:
    answered = replay(PINNED)
    assert answered.code == 0
    assert answered.out.splitlines()[0] == "receipts: 2, 2 still admitted; files that are none: 1"


def test_what_a_stricter_policy_refuses_is_listed_with_its_clauses(replay: Replay) -> None:
    answered = replay(TDX)
    assert answered.code == 3
    assert "NOW REFUSED     june/receipt.json  refused-by-policy" in answered.out
    assert '`hwmodel` is "GCP_AMD_SEV"' in answered.out
    assert "still admitted  july/receipt.json" in answered.out


def test_a_program_reads_the_same(replay: Callable[..., Answered]) -> None:
    document = replay(TDX, "--format", "json").json
    assert [(each["receipt"], each["outcome"]) for each in document["receipts"]] == [
        ("july/receipt.json", "admitted"),
        ("june/receipt.json", "refused"),
    ]
    assert document["passed_over"] == ["june/job.json"]


def test_a_forged_receipt_is_worse_than_one_that_is_refused(replay: Replay, folder: Path) -> None:
    forged = Draft()
    forged.claims["eat_nonce"] = "0" * 64
    (folder / "july" / "receipt.json").write_bytes(forged.make())
    answered = replay(TDX)
    assert answered.code == 4
    assert "REJECTED        july/receipt.json  nonce-mismatch" in answered.out


def test_a_damaged_receipt_is_rejected_and_not_passed_over(replay: Replay, folder: Path) -> None:
    (folder / "july" / "receipt.json").write_bytes(b"{")
    answered = replay(PINNED)
    assert (answered.code, "REJECTED        july/receipt.json  receipt-malformed" in answered.out) == (
        4,
        True,
    )


def test_what_is_not_known_is_said_to_be_unknown(replay: Replay) -> None:
    answered = replay(f'{PINNED} && assertion.swname.matches("\\\\p{{Greek}}")')
    assert (answered.code, answered.out.count("UNKNOWN")) == (6, 2)


def test_a_folder_without_a_receipt_gets_one_line(ask: Ask, tmp_path: Path) -> None:
    policy = tmp_path / "policy.cel"
    policy.write_text("true", encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, said in ((empty, "there is no receipt in"), (tmp_path / "none", "is no folder")):
        answered = ask("auditor", "replay", folder, "--policy", policy)
        assert (answered.code, answered.out, said in answered.err.splitlines()[0]) == (7, "", True)


@pytest.mark.parametrize(
    "left",
    [lambda whole: whole[:500], lambda whole: b'{"payloadType": "x", "signatures": []}', lambda whole: b""],
)
def test_what_was_a_receipt_once_is_rejected_whatever_it_is_called(
    replay: Replay, folder: Path, left: Callable[[bytes], bytes]
) -> None:
    whole = (folder / "june" / "receipt.json").read_bytes()
    (folder / "june" / "of-june.json").write_bytes(left(whole))
    answered = replay(PINNED)
    assert answered.code == 4
    assert "REJECTED" in answered.out
    assert "june/of-june.json" in answered.out


def test_a_receipt_that_is_too_large_to_be_one_is_rejected_and_another_such_file_named(
    replay: Replay, folder: Path
) -> None:
    whole = (folder / "june" / "receipt.json").read_bytes()
    (folder / "june" / "receipt.json").write_bytes(whole.ljust(MOST_BYTES + 1))
    (folder / "july" / "job.json").write_bytes(b"{}".ljust(MOST_BYTES + 1))
    answered = replay(PINNED)
    assert answered.code == 4
    assert "REJECTED        june/receipt.json  receipt-malformed: the receipt is larger than" in answered.out
    assert "  no receipt: july/job.json" in answered.out


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(os.mkfifo, "is no file", id="a pipe"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is no file", id="a device"),
        pytest.param(lambda path: path.symlink_to("nowhere"), "is gone", id="a link to nothing"),
    ],
)
def test_what_is_called_a_receipt_and_cannot_be_read_is_not_passed_over(
    replay: Replay, folder: Path, make: Callable[[Path], None], said: str
) -> None:
    (folder / "july" / "receipt.json").unlink()
    make(folder / "july" / "receipt.json")
    answered = replay(PINNED)
    assert (answered.code, answered.out) == (7, "")
    assert answered.err.startswith(f"error: `july/receipt.json` {said}\n")


def test_a_policy_that_admits_anybody_s_image_leaves_each_run_open(replay: Replay) -> None:
    answered = replay('assertion.swname == "CONFIDENTIAL_SPACE"')
    assert (answered.code, answered.out.count("UNKNOWN  ")) == (6, 2)


def test_receipts_in_cloud_storage_are_replayed_where_they_are(
    ask: Ask, folder: Path, tmp_path: Path, emulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(emulator.credentials_file("operator")))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "secundus")
    bucket = storage.Client().create_bucket("runs-to-replay")
    for path in folder.rglob("*.json"):
        bucket.blob(str(path.relative_to(folder))).upload_from_filename(str(path))
    pem, policy = tmp_path / "root.pem", tmp_path / "policy.cel"
    pem.write_bytes(root().public_bytes(Encoding.PEM))
    policy.write_text(TDX, encoding="utf-8")
    answered = ask("auditor", "replay", "gs://runs-to-replay", "--policy", policy, "--root", pem)
    assert answered.code == 3
    assert "NOW REFUSED     june/receipt.json" in answered.out
    assert "still admitted  july/receipt.json" in answered.out
    assert "  no receipt: june/job.json" in answered.out


def test_a_file_that_is_passed_over_is_named(replay: Replay) -> None:
    assert replay(PINNED).out.splitlines()[1] == "  no receipt: june/job.json"
