"""A secret opens the entries that were made with it, and shows no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.licence import sign_licence
from tests.logs import AT, KEY, SECRETS, STRANGER, leaf, log_of
from tests.release.brokers import licence_of
from tests.symbolon.conftest import Ask


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return log_of(7).write(tmp_path / "log")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(SECRETS[0].hex() + "\n", "utf-8")
    return file


def test_the_entries_of_a_licence_are_found_by_the_licence(ask: Ask, log: Path, tmp_path: Path) -> None:
    licence = tmp_path / "licence.json"
    owner = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
    licence.write_bytes(sign_licence(licence_of(secret=SECRETS[1]), owner))
    answered = ask("auditor", "log", "find", log, "--secret-of", licence, "--key", KEY, "--format", "json")
    assert answered.code == 0
    assert [each["index"] for each in answered.json["found"]] == [1, 3, 5]
    assert answered.json["found"][0] == {
        "index": 1,
        "at": AT + 1,
        "kind": "release",
        "said": {"licence": "1" * 32, "pictures": "1"},
    }
    assert answered.json["signed"] is True


def test_the_entries_of_a_secret_are_shown_with_what_they_say(ask: Ask, log: Path, secret: Path) -> None:
    answered = ask("auditor", "log", "find", log, "--secret-file", secret, "--key", KEY)
    lines = answered.out.splitlines()
    assert lines[0] == "4 of the log's 7 entries open by this secret"
    assert lines[1] == f"       0  2027-01-15T08:00:00Z  release  licence {'0' * 32}, pictures 0"
    assert len(lines) == 5


def test_without_a_key_it_says_that_nothing_was_verified(ask: Ask, log: Path, secret: Path) -> None:
    answered = ask("auditor", "log", "find", log, "--secret-file", secret)
    assert answered.out.endswith("\n\nnobody's signature was verified: give --key\n")


def test_a_secret_that_opens_nothing_is_answered_with_no(ask: Ask, log: Path, secret: Path) -> None:
    secret.write_text("00" * 32, "utf-8")
    assert ask("auditor", "log", "find", log, "--secret-file", secret, "--key", KEY).code == 3


def test_a_log_that_is_not_as_it_was_signed_shows_nothing(ask: Ask, tmp_path: Path, secret: Path) -> None:
    honest = log_of(7)
    moved = replace(honest, shown=[leaf(99), *honest.leaves[1:]]).write(tmp_path / "moved")
    answered = ask("auditor", "log", "find", moved, "--secret-file", secret, "--key", KEY)
    assert (answered.code, answered.out) == (4, "")
    stranger = replace(honest, key=STRANGER).write(tmp_path / "stranger")
    assert ask("auditor", "log", "find", stranger, "--secret-file", secret, "--key", KEY).code == 4


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32])
def test_a_file_without_a_secret_is_the_caller_s_mistake(
    ask: Ask, log: Path, secret: Path, text: str
) -> None:
    secret.write_text(text, "utf-8")
    answered = ask("auditor", "log", "find", log, "--secret-file", secret)
    assert answered.code == 7 and "64 hex digits" in answered.err


def test_one_secret_is_named(ask: Ask, log: Path, secret: Path) -> None:
    assert ask("auditor", "log", "find", log).code == 2
    assert ask("auditor", "log", "find", log, "--secret-file", secret, "--secret-of", secret).code == 2
