"""Two brokers of one PostgreSQL database, each with a copy of the folder, are one to everybody else."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contract.checkpoint import open_checkpoint
from contract.orders import render_master_key
from contract.release import open_key
from release.folder import open_folder
from symbolon.__main__ import main
from tests.release import postgresql
from tests.release.brokers import DATA_KEY
from tests.release.served import Served, make_served


@pytest.fixture
def pair(postgresql_server: postgresql.Server, tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    """Both serve; a model is sold at the first."""
    first = make_served(tmp_path, arguments=("--database", postgresql_server.new_database()))
    shutil.copytree(first.folder, tmp_path / "second")
    second = replace(first, folder=tmp_path / "second", sequences=first.sequences)
    for each in (first, second):
        each.start()
    first.sell()
    yield first, second
    for each in (first, second):
        if each.process is not None:
            assert each.stop() == 0


def check_released(served: Served) -> int:
    """The key came, and the log has it there."""
    private, request, release = served.release()
    assert open_key(release.sealed or b"", private, request=request) == DATA_KEY
    return release.logged.index


def test_what_is_sold_at_one_is_released_by_both_and_their_log_is_one(pair: tuple[Served, Served]) -> None:
    indices = [check_released(each) for each in (*pair, *pair)]
    assert indices == list(range(indices[0], indices[0] + 4))
    sizes = {open_checkpoint(each.call("GET", "/checkpoint")[1].decode(), each.key).size for each in pair}
    assert sizes == {indices[-1] + 1}


def test_a_challenge_of_one_is_answered_by_the_other(pair: tuple[Served, Served]) -> None:
    first, second = pair
    _, _, call = first.ask()
    assert second.call("POST", "/v1/release", call)[0] == 200


def test_one_goes_on_when_the_other_is_gone(pair: tuple[Served, Served]) -> None:
    first, second = pair
    assert first.process is not None and first.process.stdout is not None
    first.process.kill()
    first.process.wait()
    first.process.stdout.close()
    first.process = None
    check_released(second)
    first.start()
    check_released(first)


def test_the_master_key_is_rotated_while_both_serve(
    pair: tuple[Served, Served], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = pair
    rotate = ["broker", "rotate-master", str(first.folder), "--passphrase-file", str(first.passphrase_file)]
    assert main(rotate) == 3
    new = capsys.readouterr().out.split()[2]
    copy_keys(first, second)  # as the command says
    first.order("master-key", render_master_key(new))
    assert main(rotate) == 3
    assert "copy the *.key files" in capsys.readouterr().out
    for each in pair:
        check_released(each)
    copy_keys(first, second)
    assert main(rotate) == 0
    for each in pair:
        check_released(each)
    copy_keys(first, second)
    for each in pair:
        each.stop()
        each.start()
        check_released(each)


def run(program: str, *arguments: str) -> None:
    subprocess.run([postgresql.programs() / program, *arguments], check=True, capture_output=True)


def copy_keys(source: Served, target: Served) -> None:
    for path in source.folder.glob("*.key"):
        shutil.copyfile(path, target.folder / path.name)


def test_a_dump_that_is_put_back_is_held_against_the_checkpoint_that_was_kept(
    pair: tuple[Served, Served],
    postgresql_server: postgresql.Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = pair
    check_released(first)
    url = open_folder(first.folder).database
    assert main(["broker", "backup", str(first.folder), str(tmp_path / "copy")]) == 0
    assert "pg_dump" in capsys.readouterr().out
    dump = tmp_path / "broker.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={url}")
    whole, late = tmp_path / "whole.txt", tmp_path / "late.txt"
    whole.write_bytes(first.call("GET", "/checkpoint")[1])
    check_released(first)
    late.write_bytes(second.call("GET", "/checkpoint")[1])
    for each in pair:
        each.stop()
    name = url.partition("@/")[2].partition("?")[0]
    postgresql_server.execute(f'DROP DATABASE "{name}"')
    postgresql_server.execute(f'CREATE DATABASE "{name}"')
    run("pg_restore", f"--dbname={url}", str(dump))

    def restore(target: str, kept: Path) -> int:
        copy, folder = str(tmp_path / "copy"), str(tmp_path / target)
        return main(["broker", "restore", copy, folder, "--checkpoint", str(kept)])

    assert restore("behind", late) == 3
    assert restore("again", whole) == 0
    again = replace(first, folder=tmp_path / "again", process=None)
    again.start()
    check_released(again)
    again.stop()
