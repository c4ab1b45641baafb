"""Reading an object member by member: each with its type, by its path, and losing none of the rest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from attestation.members import Members, required
from attestation.rejections import ClaimMalformed, ClaimMissing


def members(value: object, path: str = "top") -> tuple[Members, dict[str, object]]:
    """The members of `value`, and those that nobody has asked for yet."""
    unknown: dict[str, object] = {}
    return Members(path, value, unknown), unknown


READERS: list[tuple[Callable[[Members], object], object, object, str]] = [
    (lambda read: read.text("a"), "x", "x", "a string"),
    (lambda read: read.integer("a"), 0, 0, "an integer"),
    (lambda read: read.boolean("a"), False, False, "a boolean"),
    (lambda read: read.texts("a"), ["x", "y"], ("x", "y"), "a list"),
    (lambda read: read.text_or_texts("a"), ["x"], ("x",), "a list"),
    (lambda read: read.text_by_name("a"), {"b": "x"}, {"b": "x"}, "an object"),
    (lambda read: read.nested("a", lambda below: below.text("b")), {"b": "x"}, "x", "an object"),
    (
        lambda read: read.nested_list("a", lambda below: below.text("b")),
        [{"b": "x"}, {}],
        ("x", None),
        "a list",
    ),
    (
        lambda read: read.nested_or_list("a", lambda below: below.text("b")),
        [{"b": "x"}, {"b": "y"}],
        ("x", "y"),
        "an object",
    ),
]


@pytest.mark.parametrize(("read", "value", "expected", "kind"), READERS)
def test_a_member_is_read_once_and_is_then_known(
    read: Callable[[Members], object], value: object, expected: object, kind: str
) -> None:
    top, unknown = members({"a": value, "rest": 1})
    assert unknown == {"top.a": value, "top.rest": 1}
    assert read(top) == expected
    assert unknown == {"top.rest": 1}


@pytest.mark.parametrize(("read", "value", "expected", "kind"), READERS)
def test_an_absent_member_is_none_and_null_is_of_a_wrong_type(
    read: Callable[[Members], object], value: object, expected: object, kind: str
) -> None:
    assert read(members({"other": value})[0]) is None
    for wrong in (None, 1.5):
        with pytest.raises(ClaimMalformed, match=rf"^claim `top\.a` is not {kind}$"):
            read(members({"a": wrong})[0])


def test_true_is_no_integer_and_one_is_no_boolean() -> None:
    with pytest.raises(ClaimMalformed, match="is not an integer"):
        members({"a": True})[0].integer("a")
    with pytest.raises(ClaimMalformed, match="is not a boolean"):
        members({"a": 1})[0].boolean("a")


def test_one_text_or_one_object_stands_for_a_list_of_it() -> None:
    assert members({"a": "x"})[0].text_or_texts("a") == ("x",)
    assert members({"a": {"b": "x"}})[0].nested_or_list("a", lambda below: below.text("b")) == ("x",)
    assert members({"a": []})[0].nested_or_list("a", lambda below: below.text("b")) == ()


def test_null_is_absent_only_where_it_is_asked_for() -> None:
    assert members({"a": None})[0].texts("a", null_is_absent=True) is None
    assert members({"a": None})[0].text_by_name("a", null_is_absent=True) is None
    assert members({"a": ["x"]})[0].texts("a", null_is_absent=True) == ("x",)
    top, unknown = members({"a": None})
    top.texts("a", null_is_absent=True)
    assert unknown == {}


@pytest.mark.parametrize(
    ("value", "read", "path"),
    [
        ({"a": ["x", 1]}, lambda read: read.texts("a"), r"top\.a\[1\]"),
        ({"a": {"b c": 1}}, lambda read: read.text_by_name("a"), r'top\.a\["b c"\]'),
        ({"a": [{}, 1]}, lambda read: read.nested_list("a", lambda below: below), r"top\.a\[1\]"),
        ({"a": {"b": 1}}, lambda read: read.nested("a", lambda below: below.text("b")), r"top\.a\.b"),
    ],
)
def test_what_is_wrong_within_a_member_is_named_by_its_whole_path(
    value: object, read: Callable[[Members], object], path: str
) -> None:
    with pytest.raises(ClaimMalformed, match=f"^claim `{path}` is not"):
        read(members(value)[0])


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("zone", "zone"),
        ("_a1", "_a1"),
        ("1a", '["1a"]'),
        ("a-b", '["a-b"]'),
        ("", '[""]'),
        ("ä", '["\\u00e4"]'),
    ],
)
def test_a_path_is_written_as_the_condition_language_writes_it(name: str, path: str) -> None:
    assert members({name: 1}, "")[1] == {path: 1}
    below = f".{path}" if path == name else path
    assert members({name: 1})[1] == {f"top{below}": 1}


def test_only_an_object_has_members() -> None:
    with pytest.raises(ClaimMalformed, match=r"^claim `top` is not an object$"):
        members([])


def test_what_is_required_and_absent_is_missing() -> None:
    assert required("a", 0) == 0
    with pytest.raises(ClaimMissing, match=r"^claim `a` is absent$"):
        required("a", None)
