"""What the master key wrapped opens for its purpose alone, and goes on to open while the key is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from release.master_key.by_file import FileWrapping, make_file, open_file, write_private
from release.master_key.sealed_file import Cost, PassphraseWrong
from release.master_key.wrapping import (
    MasterKeyUnknown,
    WrappedRefused,
    key_id_of,
    render_by_file,
    render_by_kms,
    take_apart,
)

PASSPHRASE = "a sentence for tests"
CHEAP = Cost(n=2, r=8, p=1)
VERSION = "projects/p-project/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    make_file(tmp_path / "master.key", PASSPHRASE, cost=CHEAP)
    return tmp_path / "master.key"


@pytest.fixture
def master(file: Path) -> FileWrapping:
    return open_file(file, PASSPHRASE)


def test_what_was_wrapped_opens_for_the_same_purpose(master: FileWrapping, file: Path) -> None:
    wrapped = master.wrap(b"a key", b"for one thing")
    assert b"a key" not in wrapped
    assert open_file(file, PASSPHRASE).unwrap(wrapped, b"for one thing") == b"a key"
    assert key_id_of(wrapped) == master.current


def test_a_value_wrapped_twice_has_two_texts(master: FileWrapping) -> None:
    assert master.wrap(b"a key", b"") != master.wrap(b"a key", b"")


def test_it_opens_for_no_other_purpose(master: FileWrapping) -> None:
    with pytest.raises(WrappedRefused):
        master.unwrap(master.wrap(b"a key", b"one thing"), b"another")


def test_each_altered_byte_and_each_cut_is_refused(master: FileWrapping) -> None:
    wrapped = master.wrap(b"a key", b"x")
    for at in range(len(wrapped)):
        altered = wrapped[:at] + bytes((wrapped[at] ^ 1,)) + wrapped[at + 1 :]
        for each in (altered, wrapped[:at]):
            with pytest.raises((WrappedRefused, MasterKeyUnknown)):
                master.unwrap(each, b"x")


def test_what_another_key_wrapped_is_told_by_its_id(master: FileWrapping, tmp_path: Path) -> None:
    other = make_file(tmp_path / "other.key", PASSPHRASE, cost=CHEAP)
    with pytest.raises(MasterKeyUnknown, match=other.current):
        master.unwrap(other.wrap(b"a key", b"x"), b"x")
    with pytest.raises(MasterKeyUnknown, match="cryptoKeyVersions/1"):
        master.unwrap(render_by_kms(VERSION, b"ciphertext"), b"x")


def test_a_broker_that_runs_follows_a_rotation_without_the_passphrase(
    file: Path, master: FileWrapping
) -> None:
    serving, rotating = master, open_file(file, PASSPHRASE)
    old = serving.wrap(b"a key", b"x")
    first, new = serving.current, rotating.add_next()
    assert (serving.current, serving.next) == (first, new)
    rotating.take_turn()
    by_new = rotating.wrap(b"a key", b"x")
    assert key_id_of(by_new) == key_id_of(serving.wrap(b"another", b"x")) == new
    assert serving.unwrap(by_new, b"x") == serving.unwrap(old, b"x") == b"a key"
    rotating.forget_others()
    assert (rotating.has_others, serving.next) == (False, None)
    with pytest.raises(MasterKeyUnknown, match=first):
        open_file(file, PASSPHRASE).unwrap(old, b"x")


def test_a_file_that_is_away_for_a_moment_stops_nothing(file: Path, master: FileWrapping) -> None:
    wrapped = master.wrap(b"a key", b"x")
    file.unlink()
    assert master.unwrap(master.wrap(b"another", b"x"), b"x") == b"another"
    assert master.unwrap(wrapped, b"x") == b"a key"
    with pytest.raises(Misconfigured, match="cannot read the master key"):
        open_file(file, PASSPHRASE)


def test_a_file_that_is_being_copied_into_its_place_is_looked_at_again(
    file: Path, master: FileWrapping
) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:50])
    assert master.unwrap(master.wrap(b"a key", b"x"), b"x") == b"a key"
    file.write_bytes(whole)
    new = open_file(file, PASSPHRASE).add_next()
    assert master.next == new


def test_a_file_with_another_passphrase_takes_a_restart(file: Path, master: FileWrapping) -> None:
    file.unlink()
    make_file(file, "another sentence", cost=CHEAP)
    with pytest.raises(PassphraseWrong, match="than when the broker was started"):
        master.wrap(b"a key", b"x")


def test_a_private_file_is_its_owner_s_alone_and_is_there_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    with pytest.raises(Misconfigured, match="cannot write `file`"):
        write_private(tmp_path / "none" / "file", b"")


@pytest.mark.parametrize(
    "wrapped",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x03" + b"x" * 40, id="another kind"),
        pytest.param(b"\x01" + b"x" * 8, id="a key's id alone"),
        pytest.param(render_by_kms("projects/p/x", b"c"), id="a name that is no version's"),
        pytest.param(render_by_kms(VERSION, b""), id="a version's name alone"),
        pytest.param(render_by_file("0" * 16, b"x" * (1 << 17)), id="too large"),
    ],
)
def test_what_is_no_wrapped_value_is_refused(wrapped: bytes) -> None:
    with pytest.raises(WrappedRefused):
        take_apart(wrapped)


def test_it_does_not_show_its_keys(master: FileWrapping) -> None:
    assert repr(master) == f"FileWrapping({master.current})"
