"""A broker's folder opens whole or not at all, by its passphrase alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attestation.errors import Misconfigured, SymbolonError
from contract.dsse import public_key_of
from release.folder import FolderInUse, NotABroker, open_folder, open_keys, serving_alone, token_rules
from release.making import BrokerAlreadyThere, make_folder
from release.master_key.sealed_file import PassphraseWrong
from release.master_key.wrapping import MasterKeyUnknown, WrappedRefused
from release.settings import NAME
from release.tls import pin_of_key
from tests.release.folders import PASSPHRASE, folder_in, order


def test_a_folder_that_was_made_opens_and_has_what_its_settings_say(tmp_path: Path) -> None:
    made = folder_in(tmp_path)
    folder = open_folder(made.path)
    keys = open_keys(folder, lambda: PASSPHRASE)
    assert folder == made
    assert public_key_of(keys.identity).text == folder.settings.broker.public_key
    assert pin_of_key(keys.tls) == folder.settings.tls.pin != folder.settings.tls.next_pin
    assert token_rules(folder).mode == "emulator"
    assert folder.database == f"sqlite:///{made.path}/broker.sqlite3"
    assert folder.kept == made.path / "checkpoint.txt"
    assert made.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.path.iterdir()} == {0o600}


def test_two_folders_have_no_key_in_common(tmp_path: Path) -> None:
    first, second = (folder_in(tmp_path / name).settings for name in "ab")
    assert first.broker.public_key != second.broker.public_key
    assert len({first.tls.pin, first.tls.next_pin, second.tls.pin, second.tls.next_pin}) == 4


def test_keys_do_not_show_themselves(tmp_path: Path) -> None:
    keys = open_keys(folder_in(tmp_path), lambda: PASSPHRASE)
    assert repr(keys).startswith("Keys(master=FileWrapping(") and "Key object" not in repr(keys)
    assert PASSPHRASE not in repr(order())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "note").write_text("mine")
    with pytest.raises(BrokerAlreadyThere):
        folder_in(tmp_path)
    assert [path.name for path in (tmp_path / "broker").iterdir()] == ["note"]


def test_who_makes_a_broker_twice_is_told_what_is_missing(tmp_path: Path) -> None:
    folder_in(tmp_path)
    with pytest.raises(BrokerAlreadyThere, match="is a broker's folder already") as twice:
        folder_in(tmp_path)
    assert "symbolon broker migrate" in twice.value.hint


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"passphrase": "short"}, "fewer than 12", id="a short passphrase"),
        pytest.param({"url": "http://a.example"}, "`broker.url`", id="no TLS"),
        pytest.param({"threshold": 2}, "more than there are keys", id="more signatures than keys"),
        pytest.param({"owner_keys": ()}, "`approval.keys`", id="no key of the owner's"),
        pytest.param({"root": b"no certificate"}, "no certificate in PEM", id="no root"),
        pytest.param({"mode": "production"}, "is not Google's root", id="another root than Google's"),
        pytest.param({"database": "postgresql://a:b@c/d"}, "password", id="a password in a URL"),
    ],
)
def test_an_order_with_one_thing_wrong_makes_no_broker(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(Misconfigured, match=says) as wrong:
        make_folder(tmp_path / "broker", order(**changes))
    assert "broker.toml" not in wrong.value.hint, "there is none yet"
    assert not (tmp_path / "broker" / NAME).exists()


def test_what_is_no_broker_s_folder_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", tmp_path / "file" / "below"):
        (tmp_path / "file").touch()
        with pytest.raises(NotABroker) as refused:
            open_folder(path)
        assert "symbolon broker init" in refused.value.hint


def test_a_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(PassphraseWrong):
        open_keys(folder_in(tmp_path), lambda: "another sentence")


FILES = ["master.key", "identity.key", "intake.key", "tls.key"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    folder = folder_in(tmp_path)
    (folder.path / name).unlink()
    with pytest.raises(Misconfigured, match=name):
        open_keys(folder, lambda: PASSPHRASE)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_broker_s_opens_nothing(tmp_path: Path, name: str) -> None:
    folder, other = (folder_in(tmp_path / each) for each in "ab")
    shutil.copyfile(other.path / name, folder.path / name)
    with pytest.raises(MasterKeyUnknown):
        open_keys(folder, lambda: PASSPHRASE)


@pytest.mark.parametrize(
    ("name", "beside"),
    [("identity.key", "intake.key"), ("intake.key", "tls.key"), ("tls.key", "identity.key")],
)
def test_a_key_in_another_one_s_place_opens_nothing(tmp_path: Path, name: str, beside: str) -> None:
    folder = folder_in(tmp_path)
    shutil.copyfile(folder.path / beside, folder.path / name)
    with pytest.raises(WrappedRefused):
        open_keys(folder, lambda: PASSPHRASE)


def test_the_next_tls_key_in_the_place_of_this_one_is_noticed(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    shutil.copyfile(folder.path / "tls-next.key", folder.path / "tls.key")
    with pytest.raises(Misconfigured, match=r"not the one that `tls.pin` is of"):
        open_keys(folder, lambda: PASSPHRASE)


@pytest.mark.parametrize("name", FILES)
def test_each_file_s_every_byte_counts(tmp_path: Path, name: str) -> None:
    folder = folder_in(tmp_path)
    data = (folder.path / name).read_bytes()
    for at in range(0, len(data), 7):
        (folder.path / name).write_bytes(data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
        with pytest.raises(SymbolonError):
            open_keys(folder, lambda: PASSPHRASE)


def test_one_broker_serves_from_a_folder_at_a_time(tmp_path: Path) -> None:
    folder = folder_in(tmp_path)
    with serving_alone(folder), pytest.raises(FolderInUse) as refused, serving_alone(folder):
        pass
    assert "copy the folder" in refused.value.hint
    with serving_alone(folder):
        pass
