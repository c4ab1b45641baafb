"""Another master key, step by step: nothing stops opening, and at the end the old key opens nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from attestation.digests import Digest, digest_of
from release.broker import model_context
from release.folder import Folder, FolderInUse, open_folder, open_keys, read
from release.master_key.by_file import FileWrapping, open_file
from release.master_key.wrapping import MasterKeyUnknown, key_id_of
from release.renewing_tls import renew_tls
from release.rotating import rotate, wrap_again
from release.store.engine import reading, writing
from release.store.schema import models
from release.tls import pin_of_key
from tests.release.folders import PASSPHRASE, folder_in

MANIFESTS = [digest_of(str(number).encode()) for number in range(5)]
FILES = ["identity.key", "intake.key", "tls.key", "tls-next.key"]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return folder_in(tmp_path)


@pytest.fixture
def master(folder: Folder) -> FileWrapping:
    found = open_keys(folder, lambda: PASSPHRASE).master
    assert isinstance(found, FileWrapping)
    return found


def add_models(engine: Engine, master: FileWrapping, manifests: list[Digest]) -> None:
    with writing(engine) as connection:
        for manifest in manifests:
            wrapped = master.wrap(manifest[-32:].encode(), model_context(manifest))
            connection.execute(
                insert(models).values(manifest=manifest, model_id="m", version=1, wrapped=wrapped)
            )


def opened(engine: Engine, master: FileWrapping) -> dict[str, bytes]:
    with reading(engine) as connection:
        rows = connection.execute(select(models.c.manifest, models.c.wrapped)).all()
    return {name: master.unwrap(wrapped, model_context(Digest(name))) for name, wrapped in rows}


def named(engine: Engine, folder: Folder) -> set[str]:
    """The ids of the keys that anything is wrapped by."""
    with reading(engine) as connection:
        rows = connection.execute(select(models.c.wrapped)).scalars().all()
    return {key_id_of(each) for each in [*rows, *(read(folder, name) for name in FILES)]}


def test_a_rotation_waits_for_the_owner_and_wraps_everything_once(
    engine: Engine, folder: Folder, master: FileWrapping
) -> None:
    serving = open_file(folder.path / "master.key", PASSPHRASE)
    add_models(engine, master, MANIFESTS)
    keys, first = opened(engine, master), master.current

    begun = rotate(folder, engine, master, approved=None, has_copies=False)
    assert (begun.current, begun.wrapped_again) == (first, 0)
    assert begun.waits_for is not None
    for approved in (None, first, "0" * 16):
        assert rotate(folder, engine, master, approved=approved, has_copies=False) == begun
    assert named(engine, folder) == {first}

    done = rotate(folder, engine, master, approved=begun.waits_for, has_copies=False)
    assert (done.current, done.waits_for, done.is_done) == (begun.waits_for, None, True)
    assert done.wrapped_again == len(MANIFESTS) + len(FILES)
    assert named(engine, folder) == {begun.waits_for}
    assert opened(engine, master) == opened(engine, serving) == keys
    assert repr(open_keys(folder, lambda: PASSPHRASE).master) == f"FileWrapping({done.current})"
    assert not master.has_others


def test_what_was_cut_off_is_done_at_the_next_call(
    engine: Engine, folder: Folder, master: FileWrapping
) -> None:
    add_models(engine, master, MANIFESTS)
    keys, new = opened(engine, master), master.add_next()
    master.take_turn()  # and then the machine stops
    again = open_file(folder.path / "master.key", PASSPHRASE)
    assert opened(engine, again) == keys
    done = rotate(folder, engine, again, approved=new, has_copies=False)
    assert (done.waits_for, done.wrapped_again) == (None, len(MANIFESTS) + len(FILES))
    assert (named(engine, folder), again.has_others) == ({new}, False)
    assert rotate(folder, engine, again, approved=new, has_copies=False).waits_for not in (None, new)


def test_a_row_that_is_added_meanwhile_is_wrapped_by_the_new_key(
    engine: Engine, folder: Folder, master: FileWrapping
) -> None:
    serving = open_file(folder.path / "master.key", PASSPHRASE)
    add_models(engine, serving, MANIFESTS[:1])
    new = master.add_next()
    master.take_turn()
    add_models(engine, serving, MANIFESTS[1:])
    assert wrap_again(folder, engine, master) == 1 + len(FILES)
    assert named(engine, folder) == {new}


def test_a_row_that_is_kept_at_the_last_moment_is_wrapped_again_before_the_old_key_is_forgotten(
    engine: Engine, folder: Folder, master: FileWrapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = master.wrap(b"late", model_context(MANIFESTS[0]))
    new = rotate(folder, engine, master, approved=None, has_copies=False).waits_for
    looks: list[int] = []

    def look(*asked: Any) -> int:
        looks.append(wrap_again(*asked))
        if len(looks) == 1:
            with writing(engine) as connection:
                row = {"manifest": MANIFESTS[0], "model_id": "m", "version": 1, "wrapped": late}
                connection.execute(insert(models).values(row))
        return looks[-1]

    monkeypatch.setattr("release.rotating.wrap_again", look)
    assert rotate(folder, engine, master, approved=new, has_copies=False).wrapped_again == 1 + len(FILES)
    assert opened(engine, master) == {MANIFESTS[0]: b"late"}


def test_the_old_key_opens_nothing_after_it(engine: Engine, folder: Folder, master: FileWrapping) -> None:
    old = (folder.path / "master.key").read_bytes()
    add_models(engine, master, MANIFESTS)
    waits_for = rotate(folder, engine, master, approved=None, has_copies=False).waits_for
    rotate(folder, engine, master, approved=waits_for, has_copies=False)
    (folder.path / "master.key").write_bytes(old)
    with pytest.raises(MasterKeyUnknown):
        opened(engine, open_file(folder.path / "master.key", PASSPHRASE))


def test_the_next_tls_key_takes_its_turn(folder: Folder, master: FileWrapping) -> None:
    before = folder.settings.tls
    after = renew_tls(folder, master).tls
    assert (after.pin, after.file) == (before.next_pin, before.next_file)
    assert after.next_pin not in (before.pin, before.next_pin)
    opened_again = open_folder(folder.path)
    assert opened_again.settings.tls == after
    assert pin_of_key(open_keys(opened_again, lambda: PASSPHRASE).tls) == after.pin
    assert not (folder.path / before.file).exists()
    assert renew_tls(opened_again, master).tls.pin == after.next_pin


def test_a_tls_key_takes_its_turn_once_for_two_that_began_together(
    folder: Folder, master: FileWrapping
) -> None:
    other = open_folder(folder.path)
    after = renew_tls(folder, master)
    with pytest.raises(FolderInUse, match="meanwhile"):
        renew_tls(other, master)
    assert open_folder(folder.path).settings == after


def test_where_others_have_copies_the_old_key_is_forgotten_once_they_have_the_new_one(
    engine: Engine, folder: Folder, master: FileWrapping, tmp_path: Path
) -> None:
    def rotated(approved: str | None) -> tuple[str | None, bool]:
        done = rotate(folder, engine, master, approved=approved, has_copies=True)
        return done.waits_for, done.is_done

    new, _ = rotated(None)
    copy = tmp_path / "copy.key"
    copy.write_bytes((folder.path / "master.key").read_bytes())
    other = open_file(copy, PASSPHRASE)
    assert rotated(new) == (None, False)
    add_models(engine, other, MANIFESTS)  # by the old key, as far as it knows
    keys = opened(engine, master)
    copy.write_bytes((folder.path / "master.key").read_bytes())
    assert rotated(new) == (None, True)
    assert named(engine, folder) == {new} == {other.current}
    assert opened(engine, master) == opened(engine, other) == keys
