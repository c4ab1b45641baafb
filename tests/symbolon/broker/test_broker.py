"""`symbolon broker`: made, shown, migrated, copied, put back and given other keys, by what is typed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.digests import Digest
from contract.orders import Epoch, render_epoch, render_master_key
from contract.signed_note import parse_verifier_key
from release.folder import open_folder
from release.orders.standing import approvals_of
from release.settings import NAME, render_settings
from release.store.engine import open_engine, reading
from symbolon.broker.passphrase import passphrase_from
from tests.release.brokers import OWNER
from tests.release.served import PASSPHRASE, Served, make_served, platform
from tests.symbolon.conftest import Answered, Ask


@pytest.fixture
def made(tmp_path: Path) -> Served:
    return make_served(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A broker that serves, with a model and a licence, for the tests that only look."""
    served = make_served(tmp_path_factory.mktemp("served"))
    served.start()
    # Whoever asks for its status asks at the address in its settings.
    settings = open_folder(served.folder).settings
    at = replace(settings.broker, address="{}:{}".format(*served.address))
    (served.folder / NAME).write_text(render_settings(replace(settings, broker=at)))
    served.sell()
    yield served
    served.stop()


def ask_init(ask: Ask, tmp_path: Path, *more: str, passphrase: str = PASSPHRASE) -> Answered:
    (tmp_path / "root.pem").write_bytes(platform()[0].public_bytes(Encoding.PEM))
    public = OWNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "owner.pem.pub").write_bytes(public)
    (tmp_path / "pw").write_text(passphrase + "\n")
    words = ["broker", "init", str(tmp_path / "b"), "--owner-key", str(tmp_path / "owner.pem.pub")]
    words += ["--passphrase-file", str(tmp_path / "pw")]
    if "--root" not in more:
        words += ["--emulator", str(tmp_path / "root.pem")]
    if "--url" not in more:
        words += ["--url", "https://broker.primus.example:8443"]
    return ask(*words, *more)


def test_init_shows_what_goes_into_the_terms(ask: Ask, tmp_path: Path) -> None:
    answered = ask_init(ask, tmp_path)
    assert (answered.code, answered.err) == (0, "")
    settings = open_folder(tmp_path / "b").settings
    lines = [line.strip() for line in answered.out.splitlines()]
    pins = [pin.removeprefix("sha256:") for pin in (settings.tls.pin, settings.tls.next_pin)]
    assert 'broker = "https://broker.primus.example:8443"' in lines
    assert f'broker_key = "{settings.broker.public_key}"' in lines
    assert f'broker_pins = ["{pins[0]}", "{pins[1]}"]' in lines
    assert f"start it: symbolon broker serve {tmp_path / 'b'}" in lines
    assert settings.broker.address == "0.0.0.0:8443"


def test_init_writes_the_owner_s_keys_into_the_database_once(ask: Ask, tmp_path: Path) -> None:
    assert ask_init(ask, tmp_path).code == 0
    folder = open_folder(tmp_path / "b")
    engine = open_engine(folder.database)
    with reading(engine) as connection:
        approvals = approvals_of(connection)
    engine.dispose()
    assert ([key.text for key in approvals.keys], approvals.threshold) == (
        list(folder.settings.approval.keys),
        1,
    )
    assert ask("broker", "migrate", tmp_path / "b").out == "the database has the tables of this version\n"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param(["--url", "http://a.example", "--root", "none"], "`broker.url`", id="no TLS"),
        pytest.param(["--url", "https://a.example:x"], "`broker.url`", id="no port"),
        pytest.param(
            ["--url", "https://a.example:70000"], "the port of --url is none", id="too large a port"
        ),
        pytest.param(["--threshold", "2"], "more than there are keys", id="more signatures than keys"),
        pytest.param(["--kms", "lite0"], "names no key of Cloud KMS", id="no key of Cloud KMS"),
        pytest.param(["--witness", "https://w.example"], "and by its key", id="half a witness"),
        pytest.param(["--database", "mysql://a/b"], "`broker.database`", id="another kind of database"),
        pytest.param(["--owner-key", "/none.pub"], "cannot read the public key", id="no key of the owner's"),
        pytest.param(["--root", "root.pem"], "cannot read the root certificate", id="no root"),
        pytest.param(["--address", "a"], "`broker.address`", id="no address"),
    ],
)
def test_init_with_one_thing_wrong_makes_no_broker(
    ask: Ask, tmp_path: Path, more: list[str], says: str
) -> None:
    answered = ask_init(ask, tmp_path, *more)
    assert (answered.code, says in answered.err) == (7, True), answered.err
    assert "hint: " in answered.err
    assert not (tmp_path / "b" / NAME).exists()


def test_init_without_a_database_that_answers_says_so_and_can_be_gone_on_with(
    ask: Ask, tmp_path: Path
) -> None:
    answered = ask_init(ask, tmp_path, "--database", f"postgresql:///none?host={tmp_path}")
    assert answered.code == 5
    assert answered.err.startswith("error: the broker's database does not answer\nhint: is PostgreSQL up? ")
    for command in ("status", "migrate"):
        assert ask("broker", command, tmp_path / "b").err == answered.err
    serve = ask("broker", "serve", tmp_path / "b", "--passphrase-file", tmp_path / "pw")
    assert (serve.code, serve.err) == (5, answered.err)
    assert open_folder(tmp_path / "b").settings.broker.database is not None


def test_a_folder_that_is_no_broker_s_is_told_by_every_command(ask: Ask, tmp_path: Path) -> None:
    for words in (
        ["serve", tmp_path],
        ["status", tmp_path],
        ["migrate", tmp_path],
        ["backup", tmp_path, tmp_path / "copy"],
        ["restore", tmp_path, tmp_path / "again"],
        ["rotate-master", tmp_path],
        ["rotate-tls", tmp_path],
    ):
        answered = ask("broker", *words)
        assert (answered.code, "is no broker's folder" in answered.err) == (7, True), words


@pytest.mark.parametrize("command", ["serve", "rotate-master", "rotate-tls"])
def test_a_wrong_passphrase_is_one_line(ask: Ask, made: Served, tmp_path: Path, command: str) -> None:
    (tmp_path / "wrong").write_text("another sentence\n")
    answered = ask("broker", command, made.folder, "--passphrase-file", tmp_path / "wrong")
    assert (answered.code, answered.out) == (7, "")
    assert answered.err.startswith("error: the passphrase does not open the master key\nhint: ")


@pytest.mark.parametrize("command", ["serve", "status", "rotate-master"])
def test_a_database_that_is_gone_is_told_with_the_command_that_makes_it(
    ask: Ask, made: Served, command: str
) -> None:
    for name in ("broker.sqlite3", "broker.sqlite3-wal", "broker.sqlite3-shm"):
        (made.folder / name).unlink(missing_ok=True)
    passphrase = [] if command == "status" else ["--passphrase-file", made.passphrase_file]
    answered = ask("broker", command, made.folder, *passphrase)
    assert (answered.code, "the database's file is not there" in answered.err) == (7, True)
    assert "symbolon broker migrate" in answered.err
    assert not (made.folder / "broker.sqlite3").exists()
    assert ask("broker", "migrate", made.folder).code == 0


def test_an_address_that_is_taken_is_told(ask: Ask, made: Served, served: Served) -> None:
    taken = "{}:{}".format(*served.address)
    answered = ask(
        "broker", "serve", made.folder, "--passphrase-file", made.passphrase_file, "--address", taken
    )
    assert (answered.code, f"cannot listen at `{taken}`: address already in use" in answered.err) == (7, True)


def test_status_says_what_a_broker_that_serves_has(ask: Ask, served: Served) -> None:
    served.release()
    answered = ask("broker", "status", served.folder)
    assert answered.code == 0
    rows = dict(re.split("  +", line, maxsplit=1) for line in answered.out.splitlines())
    assert rows["broker"] == served.digest
    assert rows["serves"] == "yes, at {}:{}".format(*served.address)
    assert (rows["pin"], rows["next pin"]) == served.pins
    assert parse_verifier_key(rows["log's key"]).name in served.call("GET", "/checkpoint")[1].decode()
    assert (rows["ready: database"], rows["ready: log"]) == ("yes", "yes")
    document = ask("broker", "status", served.folder, "--format", "json").json
    assert (document["ready"], document["models"], document["licences"], document["revoked"]) == (
        True,
        1,
        1,
        0,
    )
    assert document["releases"] == document["running"] >= 1
    assert document["log_entries"] == document["releases"] + 3


def test_status_of_a_broker_that_does_not_serve_is_no(ask: Ask, made: Served) -> None:
    answered = ask("broker", "status", made.folder, "--format", "json")
    assert (answered.code, answered.json["serves"], answered.json["ready"]) == (3, False, False)


def test_status_takes_nobody_else_s_answer(ask: Ask, made: Served, served: Served) -> None:
    settings = open_folder(made.folder).settings
    elsewhere = replace(settings.broker, address="{}:{}".format(*served.address))
    (made.folder / NAME).write_text(render_settings(replace(settings, broker=elsewhere)))
    assert ask("broker", "status", made.folder, "--format", "json").json["serves"] is False


def test_a_copy_and_the_checkpoint_that_was_kept_make_the_broker_whole(
    ask: Ask, served: Served, tmp_path: Path
) -> None:
    served.release()
    copied = ask("broker", "backup", served.folder, tmp_path / "copy")
    assert (copied.code, "keep the passphrase and the last checkpoint" in copied.out) == (0, True)
    kept = tmp_path / "kept.txt"
    kept.write_bytes(served.call("GET", "/checkpoint")[1])
    whole = ask("broker", "restore", tmp_path / "copy", tmp_path / "again", "--checkpoint", kept)
    assert (whole.code, "nothing is missing" in whole.out) == (0, True)
    assert open_folder(tmp_path / "again").kept.read_bytes() == kept.read_bytes()

    served.release()
    kept.write_bytes(served.call("GET", "/checkpoint")[1])
    behind = ask("broker", "restore", tmp_path / "copy", tmp_path / "behind", "--checkpoint", kept)
    assert (behind.code, "it was restored" in behind.out) == (3, True)
    assert "symbolon owner order epoch" in behind.out

    unknown = ask("broker", "restore", tmp_path / "copy", tmp_path / "unknown", "--format", "json")
    assert (unknown.code, unknown.json["whole"]) == (3, False)

    kept.write_bytes(kept.read_bytes().replace(b"symbolon-broker", b"symbolon-brokeR"))
    forged = ask("broker", "restore", tmp_path / "copy", tmp_path / "forged", "--checkpoint", kept)
    assert forged.code == 4
    assert not (tmp_path / "forged").exists()


def test_a_restored_broker_that_nobody_vouches_for_serves_and_releases_nothing(
    ask: Ask, served: Served, tmp_path: Path
) -> None:
    ask("broker", "backup", served.folder, tmp_path / "copy")
    assert ask("broker", "restore", tmp_path / "copy", tmp_path / "again").code == 3
    again = replace(served, folder=tmp_path / "again", process=None)
    again.start("--address", "127.0.0.1:0")
    try:
        status, ready = again.call("GET", "/readyz")
        first = json.loads(again.errors.read_text().splitlines()[0])
        assert (first["event"], first["log"]) == ("not-ready", "broker-not-ready")
        assert (status, json.loads(ready)["checks"]) == (503, {"database": "yes", "log": "broker-not-ready"})
        _, _, call = again.ask()
        status, answer = again.call("POST", "/v1/release", call)
        assert (status, json.loads(answer)["error"]["code"]) == (503, "broker-not-ready")
    finally:
        again.stop()


def test_the_master_key_is_rotated_while_the_broker_serves(ask: Ask, made: Served) -> None:
    words = ["broker", "rotate-master", made.folder, "--passphrase-file", made.passphrase_file]
    made.start()
    try:
        made.sell()
        made.release()
        waits = ask(*words, "--format", "json")
        assert (waits.code, waits.json["done"]) == (3, False)
        again = ask(*words)
        assert (again.code, waits.json["waits_for"] in again.out) == (3, True)
        made.order("master-key", render_master_key(waits.json["waits_for"]))
        done = ask(*words, "--format", "json")
        assert (done.code, done.json["current"]) == (0, waits.json["waits_for"])
        assert done.json["wrapped_again"] == 5
        made.release()
    finally:
        made.stop()
    made.start()
    made.release()
    made.stop()


def test_the_tls_key_s_next_pin_is_the_one_that_was_published(ask: Ask, made: Served) -> None:
    words = ["broker", "rotate-tls", made.folder, "--passphrase-file", made.passphrase_file]
    rotated = ask(*words, "--format", "json").json["broker_pins"]
    assert rotated[0] == made.pins[1]
    assert rotated[1] not in made.pins
    made.start()
    try:
        assert made.call("GET", "/healthz")[0] == 200  # by the pins of before
    finally:
        made.stop()
    assert "publish anew" in ask(*words).out


def test_the_passphrase_is_systemd_s_where_systemd_hands_one_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passphrase").write_text("from systemd\n")
    (tmp_path / "file").write_text("from a file\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert passphrase_from(None)() == "from systemd"
    assert passphrase_from(tmp_path / "file")() == "from a file"


def test_every_command_shows_an_example(ask: Ask) -> None:
    for name in ("init", "serve", "status", "migrate", "backup", "restore", "rotate-master", "rotate-tls"):
        answered = ask("broker", name, "--help")
        assert (answered.code, f"symbolon broker {name}" in answered.out.partition("examples:")[2]) == (
            0,
            True,
        )


def test_what_is_written_is_this_account_s_alone(ask: Ask, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        assert ask_init(ask, tmp_path).code == 0
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "b").rglob("*")} == {0}


def epoch_of(served: Served) -> bytes:
    """The epoch that its owner would order now."""
    state: dict[str, Any] = served.query("state")
    log = state["log"]
    return render_epoch(
        Epoch(number=1, size=int(log["size"]), root=Digest(log["root"]), restored=state["restored"])
    )


def test_a_copy_that_is_served_where_it_was_put_by_hand_has_a_name_for_the_epoch_s_order(
    ask: Ask, served: Served, tmp_path: Path
) -> None:
    ask("broker", "backup", served.folder, tmp_path / "copy")
    shutil.copytree(tmp_path / "copy", tmp_path / "again")
    again = replace(served, folder=tmp_path / "again", process=None)
    again.start("--address", "127.0.0.1:0")
    try:
        assert again.call("GET", "/readyz")[0] == 503
        assert len(str(again.query("state")["restored"])) == 32
    finally:
        again.stop()


def test_an_order_of_an_epoch_fits_no_second_restore_of_the_same_backup(
    ask: Ask, served: Served, tmp_path: Path
) -> None:
    ask("broker", "backup", served.folder, tmp_path / "copy")
    ordered: list[bytes] = []
    for name in ("first", "second"):
        made = ask("broker", "restore", tmp_path / "copy", tmp_path / name, "--format", "json")
        assert made.json["restored"] in ask("broker", "status", tmp_path / name).out
        again = replace(served, folder=tmp_path / name, process=None, sequences=dict(served.sequences))
        again.start("--address", "127.0.0.1:0")
        try:
            ordered.append(epoch_of(again))
            if name == "second":
                with pytest.raises(AssertionError, match="after another restore"):
                    again.order("epoch", ordered[0])
                assert again.call("GET", "/readyz")[0] == 503
                again.sequences = dict(served.sequences)
            again.order("epoch", ordered[-1])
            assert again.call("GET", "/readyz")[0] == 200
        finally:
            again.stop()
    assert ordered[0] != ordered[1]


def test_an_epoch_that_the_owner_begins_lets_a_restored_broker_release_again(
    ask: Ask, served: Served, tmp_path: Path
) -> None:
    ask("broker", "backup", served.folder, tmp_path / "copy")
    ask("broker", "restore", tmp_path / "copy", tmp_path / "again")
    again = replace(served, folder=tmp_path / "again", process=None, sequences=dict(served.sequences))
    again.start("--address", "127.0.0.1:0")
    try:
        again.order("epoch", epoch_of(again))
        assert again.call("GET", "/readyz")[0] == 200
        _, _, call = again.ask()
        status, answer = again.call("POST", "/v1/release", call)
        assert (status, json.loads(answer)["error"]["code"]) == (403, "licence-revoked")
    finally:
        again.stop()
    assert ask("broker", "status", tmp_path / "again", "--format", "json").json["epoch"] == 1
