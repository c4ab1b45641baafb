"""Tables of TOML: each kind of value is read and written alike, and every other value is refused."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest

from attestation.errors import Misconfigured
from contract.tables import (
    Choice,
    Document,
    Flag,
    Key,
    Kind,
    Number,
    ObjectName,
    Sha256,
    Sha256s,
    Text,
    ThreeNumbers,
    Whole,
    key,
    keys_of,
    read_table,
    refuse_unknown,
    render_table,
)
from contract.uris import ObjectUri

HEX = "0123456789abcdef" * 4
WORD = Text("a word", re.compile("[a-z]+"))
DOCUMENT = Document(what="the papers", hint="write them again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A table with a key of each sort: required, with a default, without."""

    name: str = field(metadata=key(WORD, "what it is called"))
    places: int = field(default=3, metadata=key(Whole(1, 9), "how many", unit="books"))
    open: bool | None = field(default=None, metadata=key(Flag(), "whether it is open"))


TAKEN: list[tuple[Kind, object, object, str]] = [
    (WORD, "abc", "abc", '"abc"'),
    (ObjectName(), "gs://models/m", ObjectUri(bucket="models", name="m"), '"gs://models/m"'),
    (Sha256(), HEX, f"sha256:{HEX}", f'"{HEX}"'),
    (Sha256s(2), [HEX], (f"sha256:{HEX}",), f'["{HEX}"]'),
    (Sha256s(2), [HEX, "0" * 64], (f"sha256:{HEX}", "sha256:" + "0" * 64), f'["{HEX}", "{"0" * 64}"]'),
    (Choice("one", "two"), "two", "two", '"two"'),
    (Flag(), True, True, "true"),
    (Flag(), False, False, "false"),
    (Whole(1, 9), 1, 1, "1"),
    (Whole(1, 9), 9, 9, "9"),
    (Number(0.5, 2), 0.5, 0.5, "0.5"),
    (Number(0.5, 2), 2, 2.0, "2.0"),
    (ThreeNumbers(-1, 1), [-1, 0.5, 1], (-1.0, 0.5, 1.0), "[-1.0, 0.5, 1.0]"),
]


@pytest.mark.parametrize(("kind", "written", "read", "rendered"), TAKEN)
def test_a_value_is_written_as_it_is_read(kind: Kind, written: object, read: object, rendered: str) -> None:
    assert kind.read(written, "a.b") == read
    assert type(kind.read(written, "a.b")) is type(read)
    assert kind.render(read) == rendered
    assert kind.read(tomllib.loads(f"x = {rendered}")["x"], "a.b") == read


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (WORD, [1, "", "a1", "ab\n", None, True]),
        (ObjectName(), [1, None, ["gs://models/m"]]),
        (Sha256(), [1, HEX[:-1], HEX + "0", HEX.upper(), f"sha256:{HEX}", HEX + "\n"]),
        (Sha256s(2), [HEX, [], [HEX, HEX], ["0" * 64, "1" * 64, "2" * 64], [1], None, 7]),
        (Choice("one", "two"), ["three", "", "One", 1, None, ["one"]]),
        (Flag(), [0, 1, "true", None]),
        (Whole(1, 9), [0, 10, 1.0, True, "1", None]),
        (Number(0.5, 2), [0.49, 2.01, True, "1", None, float("nan"), float("inf")]),
        (
            ThreeNumbers(-1, 1),
            [[0, 0], [0, 0, 0, 0], [0, 0, 1.1], [True, 0, 0], "000", 0, (0, 0, 0), [0, "0", 0]],
        ),
    ],
)
def test_any_other_value_is_refused(kind: Kind, wrong: list[object]) -> None:
    for value in wrong:
        with pytest.raises(ValueError, match=r"^$"):
            kind.read(value, "a.b")


def test_a_name_of_no_object_is_refused_with_its_key() -> None:
    with pytest.raises(Misconfigured, match=r"^a\.b `gs://models` names no object$"):
        ObjectName().read("gs://models", "a.b")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (WORD, "a word"),
        (ObjectName(), "`gs://bucket/object`"),
        (Sha256(), "64 lower-case hex digits"),
        (Choice("one", "two", "three"), "`one` or `two` or `three`"),
        (Flag(), "`true` or `false`"),
        (Whole(1, 9), "a whole number from 1 to 9"),
        (Number(1e-9, 1e6), "a number from 1e-09 to 1e+06"),
        (ThreeNumbers(0, 255), "three numbers from 0 to 255: red, green, blue"),
    ],
)
def test_a_kind_says_what_to_write(kind: Kind, expected: str) -> None:
    assert kind.expected == expected


def test_the_keys_of_a_table_are_its_fields_in_their_order() -> None:
    assert list(keys_of(Shelf)) == [
        Key(name="name", kind=WORD, meaning="what it is called", unit="", required=True, default=None),
        Key(
            name="places",
            kind=Shelf.__dataclass_fields__["places"].metadata["kind"],
            meaning="how many",
            unit="books",
            required=False,
            default=3,
        ),
        Key(name="open", kind=Flag(), meaning="whether it is open", unit="", required=False, default=None),
    ]


def test_a_table_is_read_with_its_defaults() -> None:
    assert read_table(DOCUMENT, "shelf", {"name": "a"}, Shelf) == Shelf(name="a", places=3, open=None)
    whole = {"name": "a", "places": 9, "open": False}
    assert read_table(DOCUMENT, "shelf", whole, Shelf) == Shelf(name="a", places=9, open=False)


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ([], "`shelf` in the papers is no table", "write `[shelf]`"),
        ("name", "`shelf` in the papers is no table", "write `[shelf]`"),
        ({}, "the papers do not say `shelf.name`", "write them again"),
        (
            {"name": "a", "colour": 1},
            "the papers have an unknown key `shelf.colour`",
            "known are: name, places, open",
        ),
        ({"name": "1"}, "`shelf.name` in the papers is `1`, not a word", "write them again"),
        (
            {"name": "a", "places": 10},
            "`shelf.places` in the papers is `10`, not a whole number from 1 to 9",
            "write them again",
        ),
    ],
)
def test_what_is_no_such_table_is_refused_with_what_to_write(values: Any, message: str, hint: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        read_table(DOCUMENT, "shelf", values, Shelf)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_keys_at_the_top_are_named_alone() -> None:
    refuse_unknown(DOCUMENT, {"a": 1}, ["a", "b"])
    with pytest.raises(Misconfigured, match=r"^the papers have an unknown key `c`$"):
        refuse_unknown(DOCUMENT, {"a": 1, "c": 1}, ["a", "b"])


def test_a_table_is_written_without_what_has_no_value() -> None:
    assert render_table("shelf", Shelf(name="a")) == '[shelf]\nname = "a"\nplaces = 3\n'
    assert render_table("shelf", Shelf(name="a", open=False)).endswith("open = false\n")


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A table whose words need more than a line, and a word that is longer than one."""

    word: str = field(metadata=key(WORD, f"{'long-' * 18}er than any; see https://a.example/{'b' * 100}"))
    places: int = field(default=3, metadata=key(Whole(1, 9), "how many", unit="books"))


def test_above_a_key_stands_what_it_means_in_lines_that_end_before_the_hundredth_column() -> None:
    text = render_table("explained", Explained(word="a"), commented=True)
    assert text.splitlines() == [
        "[explained]",
        f"# {'long-' * 18}er",
        "# than any; see",
        f"# https://a.example/{'b' * 100};",
        "# a word",
        'word = "a"',
        "# how many; a whole number from 1 to 9 (books)",
        "places = 3",
    ]
    assert text.endswith("3\n")


@pytest.mark.parametrize(("length", "lines"), [(88, 1), (89, 2)])
def test_a_line_of_a_meaning_has_98_columns_at_most(length: int, lines: int) -> None:
    """With its mark before it, and `; a word` after it."""

    @dataclass(frozen=True, kw_only=True)
    class Wide:
        word: str = field(metadata=key(WORD, "m" * (length - 40) + " " + "n" * 39))

    said = render_table("wide", Wide(word="a"), commented=True).splitlines()[1:-1]
    assert len(said) == lines
    assert all(len(line) <= 98 for line in said)


def test_a_table_in_which_nothing_has_a_value_is_not_written() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Empty:
        open: bool | None = field(default=None, metadata=key(Flag(), "whether it is open"))

    assert render_table("empty", Empty()) == ""


def test_any_text_is_a_basic_string_of_toml() -> None:
    for text in ('a"b\\c', "\x7f", "ä😀", "\t\x00"):
        rendered = WORD.render(text)
        assert tomllib.loads(f"x = {rendered}") == {"x": text}
    assert WORD.render("ä\x7f") == '"ä\\u007f"'
