"""The passphrase is systemd's where it hands one, and one that cannot be read is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from symbolon.broker.passphrase import passphrase_from


def test_what_systemd_hands_over_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passphrase").write_text("a sentence\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert passphrase_from(None)() == "a sentence"


def test_a_named_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passphrase").write_text("a sentence\n")
    (tmp_path / "another").write_text("another\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert passphrase_from(tmp_path / "another")() == "another"


def test_a_folder_of_systemd_s_that_cannot_be_looked_into_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/" + "x" * 5000)
    with pytest.raises(Misconfigured, match="passphrase"):
        passphrase_from(None)()
