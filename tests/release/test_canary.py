"""No key, passphrase or token is in any file, row, log, argument, environment or answer, over a whole story.

Each secret is looked for as it is, in hex, and in base64 wherever it may begin in a longer text.
"""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contract.release import open_key
from release.folder import open_folder, open_keys
from release.master_key import sealed_file
from tests.release.served import PASSPHRASE, ROOT, Served, make_served

DATA_KEY = bytes(range(100, 132))
WRONG = "another sentence, typed by mistake"
PART_BYTES = 32


def forms(secret: bytes) -> Iterator[bytes]:
    """What a secret looks like where somebody wrote it down."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret)
        # The characters at either end hold bits of what stands beside it.
        inner = text[(before * 8 + 5) // 6 + 1 : -4]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def found_in(data: bytes, secrets: Mapping[str, bytes]) -> list[str]:
    """The secrets that are in the data, or a part of them is: every 32 bytes of a long one count."""
    return [
        name
        for name, secret in secrets.items()
        for at in range(0, max(len(secret) - PART_BYTES, 0) + 1, PART_BYTES)
        if any(form in data for form in forms(secret[at : at + PART_BYTES]))
    ]


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("write", [bytes, lambda data: data.hex().encode(), base64.b64encode])
def test_a_secret_that_is_written_down_is_found(before: int, write: object) -> None:
    assert callable(write)
    text = b"{" + write(b"x" * before + DATA_KEY + b"yz") + b"}"
    assert found_in(text, {"key": DATA_KEY}) == ["key"]
    assert found_in(text, {"another": bytes(32)}) == []


def test_a_part_of_a_long_secret_is_found() -> None:
    token = bytes(random.Random(1).choices(b"abcdefghijklmnop", k=340))
    assert found_in(token[-100:], {"token": token}) != []
    assert found_in(token[100:200], {"token": token}) != []


@pytest.fixture(scope="module")
def said() -> list[bytes]:
    """What the story's programs and calls answered."""
    return []


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, said: list[bytes]) -> Iterator[Served]:
    """A broker that was made, sold from, asked, refused, mistyped, rotated, copied and started again."""
    parent = tmp_path_factory.mktemp("canary")
    (parent / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(parent / "tmp"))
        served = make_served(parent)
        served.start()
        served.sell(key=DATA_KEY)
        private, request, release = served.release()
        assert open_key(release.sealed or b"", private, request=request) == DATA_KEY
        served.release(purpose="renew", lease=release.lease, pictures=0)
        _, _, call = served.ask()
        said.append(json.loads(call)["token"].encode())
        said += [served.call("POST", "/v1/release", each)[1] for each in (call, call[:-9] + b'x"}', b"{}")]
        _, _, foreign = served.ask(licence="f" * 32)
        said.append(served.call("POST", "/v1/release", foreign)[1])
        outcomes: list[tuple[object, int]] = []
        (parent / "wrong").write_text(WRONG + "\n")
        for arguments in (
            ("serve", served.folder, "--passphrase-file", parent / "wrong"),
            ("serve", served.folder, "--passphrase-file", served.passphrase_file),
            ("status", served.folder),
            ("backup", served.folder, parent / "copy"),
            ("rotate-master", served.folder, "--passphrase-file", served.passphrase_file),
            ("rotate-tls", served.folder, "--passphrase-file", served.passphrase_file),
        ):
            command = [sys.executable, "-m", "symbolon", "broker", *map(str, arguments)]
            done = subprocess.run(command, check=False, capture_output=True, cwd=ROOT)
            said += [done.stdout, done.stderr]
            outcomes.append((arguments[0], done.returncode))
        assert outcomes == [
            ("serve", 7),
            ("serve", 7),
            ("status", 3),
            ("backup", 0),
            ("rotate-master", 3),
            ("rotate-tls", 0),
        ]
        said += [served.call("GET", path)[1] for path in ("/metrics", "/readyz", "/checkpoint")]
        yield served
        served.stop()


@pytest.fixture(scope="module")
def secrets(story: Served, said: list[bytes]) -> Mapping[str, bytes]:
    folder = open_folder(story.folder)
    keys = open_keys(folder, lambda: PASSPHRASE)
    ring, lock = sealed_file.open_by_passphrase((story.folder / "master.key").read_bytes(), PASSPHRASE)
    assert ring.next is not None
    return {
        "the model's key": DATA_KEY,
        "the passphrase": PASSPHRASE.encode(),
        "what scrypt made of it": lock.key,
        "the master key": ring.keys[ring.current],
        "the next master key": ring.keys[ring.next],
        "the identity": keys.identity.private_bytes_raw(),
        "the intake key": keys.intake.private_bytes_raw(),
        "the TLS key": keys.tls.private_numbers().private_value.to_bytes(32, "big"),
        "the TLS key as PEM has it": keys.tls.private_bytes(
            Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        ),
        "a passphrase that was mistyped": WRONG.encode(),
        "a token's signature": said[0].rpartition(b".")[2],
    }


def test_no_file_has_one(story: Served, secrets: Mapping[str, bytes]) -> None:
    given = {"passphrase", "wrong"}
    files = [path for path in story.folder.parent.rglob("*") if path.is_file() and path.name not in given]
    names = {path.name for path in files}
    assert {"broker.sqlite3", "master.key", "identity.key", "broker.log", "broker.toml"} <= names
    assert {str(path): found for path in files if (found := found_in(path.read_bytes(), secrets))} == {}


def test_no_row_has_one(story: Served, secrets: Mapping[str, bytes]) -> None:
    with closing(sqlite3.connect(f"file:{story.folder / 'broker.sqlite3'}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"models", "licences", "releases", "orders", "log_entries"} <= set(tables)
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    data = cell if isinstance(cell, bytes) else str(cell).encode()
                    assert found_in(data, secrets) == [], table


def test_no_answer_no_output_and_no_error_has_one(
    story: Served, said: list[bytes], secrets: Mapping[str, bytes]
) -> None:
    assert [found_in(each, secrets) for each in said[1:]] == [[]] * (len(said) - 1)
    assert any(b"the passphrase does not open the master key" in each for each in said)


def test_neither_the_process_s_arguments_nor_its_environment_has_one(
    story: Served, secrets: Mapping[str, bytes]
) -> None:
    assert story.process is not None
    for name in ("cmdline", "environ"):
        assert found_in(Path(f"/proc/{story.process.pid}/{name}").read_bytes(), secrets) == []


def test_a_process_that_crashes_leaves_no_memory_on_a_disk(story: Served) -> None:
    assert story.process is not None
    limits = Path(f"/proc/{story.process.pid}/limits").read_text()
    (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core[4] == "0", "the soft limit is the one that a crash meets"


def test_no_file_that_the_process_holds_open_has_one(story: Served, secrets: Mapping[str, bytes]) -> None:
    """One that has no name any more is a file on a disk all the same."""
    assert story.process is not None
    for link in Path(f"/proc/{story.process.pid}/fd").iterdir():
        target = str(link.readlink())
        if target.startswith("/memfd:") or "(deleted)" in target:
            assert found_in(link.read_bytes(), secrets) == [], target


def test_every_file_is_its_owner_s_alone(story: Served) -> None:
    assert story.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o077 for path in story.folder.iterdir()}
    assert {name for name, mode in modes.items() if mode} == set()
