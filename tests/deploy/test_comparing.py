"""Two images beside each other: each kind of difference is told by its own word, and many are counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.comparing import (
    SHOWN,
    Compared,
    Difference,
    bounded,
    compare,
    compare_configurations,
    compare_members,
)
from deploy.image_contents import ImageContents, read_contents
from deploy.layers import Member, Store
from deploy.layout import read_layout
from tests.images import File, link, tar_of, write_layout

FILE = Member(path="a", kind="file", mode=0o644, size=1, sha256="0" * 64)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"sha256": "1" * 64}, "other bytes"),
        ({"mode": 0o755}, "other mode"),
        ({"uid": 7}, "other owner"),
        ({"gid": 7}, "other owner"),
        ({"mtime": 7}, "other time"),
        ({"kind": "symbolic link"}, "other kind"),
        ({"target": "x"}, "other target"),
        ({"attributes": (("security.capability", "\x01"),)}, "other attributes"),
    ],
)
def test_a_difference_has_its_word(changed: dict[str, Any], what: str) -> None:
    (found,) = compare_members({"a": replace(FILE, **changed)}, {"a": FILE}).first
    assert (found.path, found.what) == ("a", what)
    assert " and not " in f" {found.detail}"


def test_what_is_added_and_what_is_missing_come_before_times() -> None:
    late = replace(FILE, path="b", mtime=9)
    found = compare_members({"b": late, "c": FILE}, {"b": replace(late, mtime=0), "d": FILE})
    assert [(each.path, each.what) for each in found.first] == [
        ("c", "added"),
        ("d", "missing"),
        ("b", "other time"),
    ]


def test_equal_files_do_not_differ() -> None:
    assert not compare_members({"a": FILE}, {"a": FILE})


def test_many_differences_are_counted() -> None:
    found = bounded(Difference(path=str(number), what="added") for number in range(SHOWN + 5))
    assert (len(found.first), found.more, len(found)) == (SHOWN, 5, SHOWN + 5)


def test_settings_are_compared_one_by_one() -> None:
    found = compare_configurations(
        {"Env": ["A=1", "LD_PRELOAD=x"], "Labels": {"l": "1"}, "Cmd": None},
        {"Env": ["A=2"], "Labels": {"l": "1"}, "User": "65532"},
    )
    assert [(each.path, each.what) for each in found.first] == [
        ("Env A", "other value"),
        ("Env LD_PRELOAD", "added"),
        ("User", "missing"),
    ]


def read(layout: Path, *tars: bytes, **options: Any) -> ImageContents:
    write_layout(layout, tars, **options)
    return read_contents(read_layout(layout), store=Store(layout), keeps=lambda path, size: False)


def compared(tmp_path: Path, found: tuple[bytes, ...], wanted: tuple[bytes, ...], **options: Any) -> Compared:
    return compare(read(tmp_path / "found", *found, **options), read(tmp_path / "wanted", *wanted))


def test_layers_are_compared_one_by_one(tmp_path: Path) -> None:
    same, before, after = tar_of(File(path="a")), tar_of(File(path="b")), tar_of(File(path="b", content=b"x"))
    answer = compared(tmp_path, (same, after, same), (same, before))
    assert [(each.number, each.same_tar, len(each.differences)) for each in answer.layers] == [
        (1, True, 0),
        (2, False, 1),
        (3, False, 1),
    ]
    assert (answer.layers[2].wanted, answer.files.first[0].what) == (None, "other bytes")


def test_another_compression_alone_is_no_difference_of_files(tmp_path: Path) -> None:
    tar = tar_of(File(path="a"), link("b", "a"))
    answer = compared(tmp_path, (tar,), (tar,), zipped=True, annotations={"by": "x"})
    assert (answer.layers[0].same_tar, bool(answer.files), bool(answer.configuration)) == (True, False, False)
    assert answer.layers[0].found != answer.layers[0].wanted
    assert [each.path for each in answer.notes.first] == ["annotation by"]


def test_the_same_files_in_other_layers_do_not_differ_as_files(tmp_path: Path) -> None:
    one, two = File(path="a"), File(path="b")
    answer = compared(tmp_path, (tar_of(one, two),), (tar_of(one), tar_of(two)))
    assert not answer.files
    assert not answer.layers[0].same_tar
