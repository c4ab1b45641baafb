"""The owner's archive: the same files give the same bytes, which the workload's reader takes."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from attestation.digests import digest_of
from attestation.errors import Misconfigured
from symbolon.owner.packing import Packing, measure, name_of_labels, packing_of
from workload import model_archive

FILES = {
    "saved_model.pb": b"graph" * 3000,
    "variables/variables.index": b"",
    "variables/variables.data-00000-of-00001": bytes(range(256)) * 9000,
    f"assets/{'long' * 40}.txt": "länge".encode(),
}


def save(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES[name])
    return folder


def read(packing: Packing) -> bytes:
    with packing.open() as archive:
        return archive.read()


def test_the_same_files_give_the_same_bytes_whenever_and_however_they_were_written(tmp_path: Path) -> None:
    first, second = save(tmp_path / "a", list(FILES)), save(tmp_path / "b", list(reversed(FILES)))
    for path in second.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    packed = [read(packing_of(folder, None)) for folder in (first, second)]
    assert packed[0] == packed[1]
    assert [name for name, _ in packing_of(first, None).files] == sorted(FILES)
    assert len(packed[0]) % tarfile.RECORDSIZE == 0


def test_the_workload_s_reader_unpacks_what_was_packed(tmp_path: Path) -> None:
    labels = tmp_path / "names.txt"
    labels.write_text("red\n")
    archive = tmp_path / "archive"
    archive.write_bytes(read(packing_of(save(tmp_path / "model", list(FILES)), labels)))
    model_archive.unpack(archive, tmp_path / "out", max_unpacked_bytes=1 << 30)
    found = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == {**FILES, "labels.txt": b"red\n"}


def test_any_part_is_read_alike_from_anywhere(tmp_path: Path) -> None:
    packing = packing_of(save(tmp_path, list(FILES)), None)
    whole = read(packing)
    with packing.open() as archive:
        assert archive.seek(0, io.SEEK_END) == len(whole)
        for start in (0, 511, 512, 513, 20_000, len(whole) - 1, len(whole)):
            archive.seek(start)
            assert archive.tell() == start
            assert archive.read(777) == whole[start : start + 777]


def test_an_archive_is_measured_as_its_bytes_are_and_in_pieces(tmp_path: Path) -> None:
    packing = packing_of(save(tmp_path, list(FILES)), None)
    whole, told = read(packing), list[int]()
    measured = measure(packing, note=told.append)
    assert (measured.size, measured.digest) == (len(whole), digest_of(whole))
    assert len(told) >= 3
    assert told[-1] == len(whole)


def test_an_archive_of_the_owner_s_own_is_taken_as_it_is(tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"\x1f\x8b whatever")
    assert read(packing_of(archive, None)) == archive.read_bytes()
    with pytest.raises(Misconfigured, match="cannot be added to an archive"):
        packing_of(archive, archive)


def test_an_ir_is_two_files_and_nothing_beside_them(tmp_path: Path) -> None:
    for name in ("net.xml", "net.bin", "other.xml"):
        (tmp_path / name).write_bytes(b"x")
    for part in ("net.xml", "net.bin"):
        assert [name for name, _ in packing_of(tmp_path / part, None).files] == ["net.bin", "net.xml"]
    with pytest.raises(Misconfigured, match=r"`other\.bin` is not there"):
        packing_of(tmp_path / "other.xml", None)


@pytest.mark.parametrize(("name", "said"), [("none", "is not there"), ("a.onnx", "no model that is known")])
def test_what_is_no_model_is_refused_by_its_name_alone(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(Misconfigured, match=said) as refused:
        packing_of(tmp_path / name, None)
    assert str(tmp_path) not in refused.value.message


def test_a_folder_behind_a_link_is_refused_and_a_file_behind_one_is_packed(tmp_path: Path) -> None:
    model = save(tmp_path / "model", ["saved_model.pb"])
    (model / "weights.bin").symlink_to(save(tmp_path / "else", ["saved_model.pb"]) / "saved_model.pb")
    archive = io.BytesIO(read(packing_of(model, None)))
    with tarfile.open(fileobj=archive) as tar:
        assert [(member.name, member.isfile()) for member in tar] == [
            ("saved_model.pb", True),
            ("weights.bin", True),
        ]
    (model / "variables").symlink_to(tmp_path / "else")
    with pytest.raises(Misconfigured, match="`variables` in the model's folder is a link"):
        packing_of(model, None)


def test_labels_keep_their_name_in_the_folder_and_have_one_outside_it(tmp_path: Path) -> None:
    model = save(tmp_path / "model", ["saved_model.pb"])
    inside, outside = model / "classes.txt", tmp_path / "classes.txt"
    for file in (inside, outside):
        file.write_text("red\n")
    assert [name_of_labels(model, file) for file in (inside, outside)] == ["classes.txt", "labels.txt"]
    (model / "labels.txt").write_text("blue\n")
    with pytest.raises(Misconfigured, match="another is named"):
        packing_of(model, outside)
    with pytest.raises(Misconfigured, match="no label file"):
        packing_of(model, tmp_path / "gone.txt")


def test_a_model_that_shrinks_while_it_is_packed_is_noticed(tmp_path: Path) -> None:
    packing = Packing(files=(("a", tmp_path / "a"),))
    (tmp_path / "a").write_bytes(bytes(5000))
    with packing.open() as archive:
        (tmp_path / "a").write_bytes(bytes(10))
        with pytest.raises(Misconfigured, match="`a` became shorter"):
            archive.read()


def test_a_model_that_nobody_may_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot read `gone`: no such file"):
        measure(Packing(files=(("gone", tmp_path / "gone"),)))
