"""`symbolon owner keys`: a key that a passphrase locks, which openssl reads too, and no secret is shown."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from attestation.digests import digest_of
from attestation.errors import ExitCode, Misconfigured
from contract.dsse import parse_public_key, public_key_of
from symbolon.owner import signing_keys
from symbolon.owner.signing_keys import open_key, read_passphrase
from tests.symbolon.conftest import Answered, Ask

SENTENCE = "a sentence that nobody guesses"
New = Callable[..., Answered]


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(SENTENCE + "\nand more, which does not count\n")
    return file


@pytest.fixture
def new(ask: Ask, passphrase: Path) -> New:
    return lambda file, *options: ask("owner", "keys", "new", file, "--passphrase-file", passphrase, *options)


@pytest.mark.parametrize(("kind", "name"), [("ed25519", "Ed25519"), ("p384", "P-384")])
def test_a_key_is_made_shown_and_opened_and_openssl_reads_it(
    new: New, ask: Ask, tmp_path: Path, passphrase: Path, kind: str, name: str
) -> None:
    file = tmp_path / "keys" / "key.pem"
    answered = new(file, "--kind", kind, "--format", "json")
    assert answered.code == 0, answered.err
    assert (file.stat().st_mode & 0o777, file.with_name("key.pem.pub").stat().st_mode & 0o777) == (
        0o600,
        0o644,
    )
    made = answered.json
    assert made["kind"] == name
    assert made["key_id"] == digest_of(base64.b64decode(made["public_key"]))
    for shown in (file, file.with_name("key.pem.pub")):
        assert ask("owner", "keys", "show", shown, "--format", "json").json == made
    key = open_key(file, passphrase_file=passphrase)
    assert public_key_of(key).text == made["public_key"]
    spoken = ["openssl", "pkey", "-in", str(file), "-passin", f"file:{passphrase}", "-pubout"]
    read = subprocess.run(spoken, capture_output=True, text=True, check=True).stdout
    assert read == file.with_name("key.pem.pub").read_text()
    assert parse_public_key("".join(read.splitlines()[1:-1]), where="it").key_id == made["key_id"]


def test_a_person_sees_the_public_half_and_is_told_to_keep_the_other(new: New, tmp_path: Path) -> None:
    answered = new(tmp_path / "key.pem")
    assert "release.signed_by" in answered.out
    assert "keep it, and its passphrase, to yourself" in answered.out
    assert SENTENCE not in answered.out + answered.err
    assert "PRIVATE" not in answered.out


def test_no_key_is_overwritten(new: New, tmp_path: Path) -> None:
    new(tmp_path / "key.pem")
    before = (tmp_path / "key.pem").read_bytes()
    again = new(tmp_path / "key.pem")
    assert (again.code, "is there already" in again.err) == (ExitCode.MISCONFIGURED, True)
    (tmp_path / "key.pem.pub").rename(tmp_path / "other.pem.pub")
    assert new(tmp_path / "other.pem").code == ExitCode.MISCONFIGURED
    assert (tmp_path / "key.pem").read_bytes() == before


def test_who_is_stopped_while_it_is_written_has_no_half_of_a_key(
    new: New, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.open", stopped)
    with pytest.raises(KeyboardInterrupt):
        signing_keys._create(tmp_path / "key.pem", b"it", mode=0o600)
    assert not (tmp_path / "key.pem").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the passphrase is empty"),
        ("\n", "the passphrase is empty"),
        ("short", "fewer than 20 characters"),
    ],
)
def test_a_passphrase_that_is_none_is_refused(
    new: New, tmp_path: Path, passphrase: Path, text: str, says: str
) -> None:
    passphrase.write_text(text)
    refused = new(tmp_path / "key.pem")
    assert (refused.code, says in refused.err) == (ExitCode.MISCONFIGURED, True)
    assert not (tmp_path / "key.pem").exists()


def test_where_nobody_can_be_asked_a_file_is_wanted(ask: Ask, tmp_path: Path) -> None:
    refused = ask("owner", "keys", "new", tmp_path / "key.pem")
    assert refused.code == ExitCode.MISCONFIGURED
    assert "--passphrase-file F" in refused.err


def test_a_person_types_a_new_passphrase_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["one", "one", "one", "two", "one"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    assert read_passphrase(None, twice=True) == "one"
    with pytest.raises(Misconfigured, match="differ"):
        read_passphrase(None, twice=True)
    assert read_passphrase(None, twice=False) == "one"


def test_what_does_not_unlock_says_so_and_shows_nothing(new: New, tmp_path: Path, passphrase: Path) -> None:
    new(tmp_path / "key.pem")
    passphrase.write_text("another sentence")
    with pytest.raises(Misconfigured, match=r"does not unlock `key\.pem`") as refused:
        open_key(tmp_path / "key.pem", passphrase_file=passphrase)
    assert "another sentence" not in str(refused.value)


def test_a_key_without_a_lock_or_of_another_kind_is_refused(
    tmp_path: Path, passphrase: Path, ask: Ask
) -> None:
    file, locked = tmp_path / "key.pem", BestAvailableEncryption(SENTENCE.encode())
    other = rsa.generate_private_key(65537, 2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    for key, lock, says in (
        (curve, NoEncryption(), "no key that a passphrase locks"),
        (other, locked, "of another kind"),
        (curve, locked, "another kind"),
    ):
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
        with pytest.raises(Misconfigured, match=says):
            open_key(file, passphrase_file=passphrase)
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for data in (public, b"nothing"):
        (tmp_path / "key.pem.pub").write_bytes(data)
        assert ask("owner", "keys", "show", file).code == ExitCode.MISCONFIGURED
    assert ask("owner", "keys", "show", tmp_path / "absent.pem").code == ExitCode.MISCONFIGURED


def test_a_key_can_be_read_by_a_person_who_types_its_passphrase_nowhere_else(ask: Ask) -> None:
    answered = ask("owner", "keys", "new", "--help")
    assert "--passphrase-file" in answered.out
    assert "--passphrase " not in answered.out
