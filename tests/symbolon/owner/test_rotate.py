"""`symbolon owner rotate`: the wrapped keys of a sealed model are written anew, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from attestation.digests import digest_of
from attestation.errors import ExitCode
from contract.wrapped_keys import WrappedKey, entry_of, parse_keys, render_keys
from deploy import key_wrapping
from tests.symbolon.owner.to_be_sealed import THEIRS, Run, There


def test_rotation_rewrites_the_wrapped_keys_and_nothing_else(protect: Run, rotate: Run, there: There) -> None:
    protect(*there.seal)
    before, terms, key = there.generations(), (there.mine / "terms.toml").read_text(), there.data_key()
    assert "nothing to do" in rotate().out
    newest = there.key.rotate()
    planned = rotate("--plan", "--format", "json").json
    assert planned["keys"] == [{"action": "wrap", "kms": there.kms, "version": None}]
    answered = rotate("--format", "json")
    assert answered.code == 0, answered.err
    assert answered.json["keys"] == [{"action": "wrap", "kms": there.kms, "version": newest}]
    after = there.generations()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"model.tar.keys.json"}
    assert (there.mine / "terms.toml").read_text() == terms
    there.key.destroy(1)
    assert there.data_key() == key, "the older version is of no use to anybody"
    assert "nothing to do" in rotate().out
    there.key.disable(int(newest))
    refused = rotate()
    assert refused.code == ExitCode.MISCONFIGURED
    assert "current state is: DISABLED" in refused.err
    assert "hint: enable or restore that version: gcloud kms keys versions list --key=lite" in refused.err


def test_a_key_that_was_wrapped_for_another_model_is_not_rotated(
    protect: Run, rotate: Run, there: There
) -> None:
    protect(*there.seal)
    wrapped = key_wrapping.wrap(there.key.api, there.key.kms, bytes(32), digest_of(b"another")).wrapped
    entry = WrappedKey(kms=there.key.kms, wrapped=wrapped)
    wrong = render_keys(there.release.manifest, (entry,))
    there.bucket.blob("model.tar.keys.json").upload_from_string(wrong)
    refused = rotate()
    assert refused.code == ExitCode.MISCONFIGURED
    assert "was wrapped for another model, or altered" in refused.err
    assert there.read(".keys.json") == wrong


def test_another_key_is_added_and_removed(protect: Run, rotate: Run, there: There) -> None:
    protect(*there.seal)
    refused = rotate("--add", str(THEIRS))
    assert refused.code == ExitCode.REFUSED
    assert f"on `{THEIRS}`" in refused.err
    backup = there.keys.new()
    added = rotate("--add", str(backup.kms), "--format", "json").json
    assert {each["kms"]: each["action"] for each in added["keys"]} == {
        there.kms: "keep",
        str(backup.kms): "add",
    }
    entry = entry_of(parse_keys(there.read(".keys.json"), manifest=there.release.manifest), backup.kms)
    opened = key_wrapping.unwrap(backup.api, backup.kms, entry.wrapped, there.release.manifest)
    assert opened.key == there.data_key()
    removed = rotate("--remove", str(backup.kms), "--format", "json").json
    assert [each["action"] for each in removed["keys"] if each["kms"] == str(backup.kms)] == ["remove"]
    assert str(backup.kms).encode() not in there.read(".keys.json")
    assert rotate("--remove", there.kms).code == ExitCode.MISCONFIGURED
    assert "is the key that the terms name" in rotate("--remove", there.kms).err
    assert rotate("--add", str(backup.kms), "--remove", str(backup.kms)).code == ExitCode.USAGE
    again = rotate("--add", there.kms, "--format", "json").json
    assert [each["action"] for each in again["keys"]] == ["wrap"]


def test_what_was_never_sealed_or_is_another_s_is_not_rotated(
    protect: Run, rotate: Run, there: There
) -> None:
    refused = rotate()
    assert (refused.code, "does not lie sealed" in refused.err) == (ExitCode.MISCONFIGURED, True)
    protect(*there.seal)
    theirs = there.read(".keys.json").replace(b'"sha256:', b'"sha256:0')[:-1]
    for data in (theirs, b"{}"):
        there.bucket.blob("model.tar.keys.json").upload_from_string(data)
        refused = rotate()
        assert refused.code in (ExitCode.REFUSED, ExitCode.MISCONFIGURED)
        assert "keys.json" in refused.err


def test_somebody_who_writes_meanwhile_is_not_overwritten(
    protect: Run, rotate: Run, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect(*there.seal)
    there.key.rotate()
    from symbolon.owner import rotate as rotation

    wrap = key_wrapping.wrap

    def after_another(*rest: Any, **options: Any) -> Any:
        there.bucket.blob("model.tar.keys.json").upload_from_string(b"theirs")
        return wrap(*rest, **options)

    monkeypatch.setattr(rotation, "wrap", after_another)
    refused = rotate()
    assert refused.code == ExitCode.UNAVAILABLE
    assert there.read(".keys.json") == b"theirs"
