"""The files that a container sees, and layers that engines would unpack in several ways."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from deploy.layers import LayerRejected, Limits, Member, Spent, Store, read_layer
from deploy.root_file_system import merge
from tests.images import File, folder, hard_link, link, tar_of


def merged(tmp_path: Path, *layers: list[File]) -> dict[str, Member]:
    members = []
    spent = Spent(Limits())
    for files in layers:
        blob = tmp_path / "blob"
        blob.write_bytes(tar_of(*files))
        found = read_layer(blob, name="l", store=Store(tmp_path), keeps=lambda path, size: False, spent=spent)
        members.append(found[1])
    return merge(members)


def shown(tree: dict[str, Member]) -> dict[str, str]:
    return {path: f"{each.kind} {each.size}" for path, each in tree.items()}


def file(path: str, content: bytes = b"") -> File:
    return File(path=path, content=content)


def test_a_later_layer_adds_and_replaces(tmp_path: Path) -> None:
    tree = merged(
        tmp_path,
        [folder("a"), file("a/b", b"1"), file("a/c", b"1"), folder("d"), file("d/e")],
        [file("a/b", b"12"), file("d"), file("new/deep/f")],
    )
    assert shown(tree) == {
        "a": "folder 0",
        "a/b": "file 2",
        "a/c": "file 1",
        "d": "file 0",
        "new": "folder 0",
        "new/deep": "folder 0",
        "new/deep/f": "file 0",
    }
    assert list(tree) == sorted(tree)


def test_a_whiteout_removes_what_is_below_and_an_opaque_one_all_of_a_folder(tmp_path: Path) -> None:
    tree = merged(
        tmp_path,
        [file("a/b"), file("a/c"), file("d/e"), file("d/f/g")],
        [file("a/.wh.b"), file("d/.wh..wh..opq"), file("d/new"), file("a/.wh.never-there")],
    )
    assert list(tree) == ["a", "a/c", "d", "d/new"]


def test_a_hard_link_is_the_file_that_it_names_even_of_a_layer_below(tmp_path: Path) -> None:
    tree = merged(tmp_path, [file("a", b"123")], [hard_link("b/c", "a")], [file("a", b"4")])
    assert (tree["b/c"].kind, tree["b/c"].size, tree["a"].size) == ("file", 3, 1)


def device(path: str) -> File:
    return File(path=path, kind=tarfile.CHRTYPE)


HOSTILE = {
    "a member that leads through a link": ([link("a", "app"), file("a/b")], "leads through a symbolic link"),
    "a member below a file": ([file("a"), file("a/b")], "leads through a file"),
    "a hard link through a link": (
        [folder("app"), file("app/x"), link("a", "app"), hard_link("b", "a/x")],
        "leads through",
    ),
    "a hard link to nothing": ([hard_link("a", "b")], "not there"),
    "a hard link to a folder": ([folder("b"), hard_link("a", "b")], "not there"),
    "a root that is a link": ([link(".", "etc")], "root that is no folder"),
    "a whiteout of no known kind": ([file("a/.wh..wh.plnk")], "no known kind"),
    "a whiteout of the folder itself": ([file("a/.wh.")], "no known kind"),
    "a whiteout of the folder above": ([file("a/.wh...")], "no known kind"),
    "a file beside its own whiteout": ([file("a"), file(".wh.a")], "beside its own whiteout"),
    "a file below its own whiteout": ([file(".wh.a"), file("a/b")], "beside its own whiteout"),
    "a file below a whiteout": ([folder(".wh.a"), file(".wh.a/b")], "below a whiteout"),
    "a device in place of a folder": (
        [File(path="a", kind=tarfile.CHRTYPE), file("a/b")],
        "through a device",
    ),
}


@pytest.mark.parametrize(("files", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_engines_would_unpack_in_several_ways_is_refused(
    tmp_path: Path, files: list[File], words: str
) -> None:
    with pytest.raises(LayerRejected, match=words):
        merged(tmp_path, files)


def test_a_whiteout_that_leads_through_a_link_of_a_layer_below_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayerRejected, match="leads through a symbolic link"):
        merged(tmp_path, [link("a", "app"), file("app/b")], [file("a/.wh.b")])
