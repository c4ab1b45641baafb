"""Labels and terms in words: what they let happen, and not how they are written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract.terms import OwnerTerms, parse_terms, render_terms
from symbolon.auditor.image_words import labels_in_words, terms_document, terms_in_words, terms_that_differ

PREFIX = "tee.launch_policy."
PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "terms.md").read_text()
TERMS = parse_terms(PAGE.partition("```toml\n")[2].partition("```")[0])


def means(**labels: str) -> dict[str, str]:
    found = labels_in_words({f"{PREFIX}{name}": value for name, value in labels.items()})
    assert not found.refused
    return {name: words for name, _, words in found.rows}


@pytest.mark.parametrize(
    ("labels", "name", "words"),
    [
        ({}, "allow_cmd_override", "the program's arguments are the author's"),
        ({"allow_cmd_override": "true"}, "allow_cmd_override", "give the program other arguments"),
        ({}, "allow_env_override", "set no variable"),
        ({"allow_env_override": "A,B"}, "allow_env_override", "set A and B, and no other variable"),
        (
            {"allow_mount_destinations": "/a:/b"},
            "allow_mount_destinations",
            "mount memory over /a and /b",
        ),
        ({"allow_capabilities": "true"}, "allow_capabilities", "any right of the kernel's"),
        ({}, "log_redirect", "on debug machines alone"),
        ({"log_redirect": "always"}, "log_redirect", "the operator may read"),
        ({"hardened_monitoring": "memoryonly"}, "hardened_monitoring", "how much memory is used, over time"),
        ({}, "debug_monitoring", "how much memory is used, over time"),
        ({"debug_monitoring": "none"}, "debug_monitoring", "nothing of the machine's use"),
    ],
)
def test_a_label_says_what_it_lets_happen(labels: dict[str, str], name: str, words: str) -> None:
    assert words in means(**labels)[name]


def test_labels_that_the_launcher_refuses_are_shown_with_its_words() -> None:
    found = labels_in_words({f"{PREFIX}allow_cmd_override": "perhaps"})
    assert "not a boolean" in found.refused
    assert found.rows == ((f"{PREFIX}allow_cmd_override", "perhaps", ""),)


def test_a_label_that_is_absent_has_the_launcher_s_default() -> None:
    assert ("allow_cgroups", "(not set)", "nothing: no control groups of its own") in labels_in_words({}).rows


def test_terms_are_said_key_by_key_with_unit_and_meaning() -> None:
    lines = terms_in_words(TERMS)
    assert any(
        line == "`egress.largest_top_k` = `5 classes a picture`: the operator may ask for fewer (`TOP_K`)"
        for line in lines
    )
    tables = terms_document(TERMS).values()
    assert len(lines) == sum(len(table) for table in tables if isinstance(table, dict))


def test_terms_that_differ_are_named_with_both_values() -> None:
    others = replace(TERMS, egress=replace(TERMS.egress, largest_top_k=50))
    assert terms_that_differ(render_terms(others).encode(), TERMS) == (
        "`egress.largest_top_k` is 50 in the image, and 5 in the file",
    )


def test_a_table_that_the_terms_lack_is_not_said() -> None:
    bare = replace(TERMS, release=None)
    assert not [line for line in terms_in_words(bare) if line.startswith("`release.")]
    assert "release" not in terms_document(bare)
    assert "release" in terms_document(TERMS)
    assert [line.partition("` is ")[0] for line in terms_that_differ(same(bare), TERMS)] == [
        "`release.manifest",
        "`release.kms",
        "`release.signed_by",
    ]
    assert len(terms_that_differ(same(TERMS), bare)) == 3
    assert terms_that_differ(same(bare), bare) == ()


def same(terms: OwnerTerms) -> bytes:
    return render_terms(terms).encode()


def test_the_same_terms_written_otherwise_do_not_differ() -> None:
    assert terms_that_differ(b"# a comment\n" + same(TERMS), TERMS) == ()


def test_a_key_that_one_of_the_two_lacks_is_nothing() -> None:
    without = replace(TERMS, model=replace(TERMS.model, generation=None))
    (line,) = terms_that_differ(same(without), TERMS)
    assert line.startswith("`model.generation` is nothing in the image")


@pytest.mark.parametrize("found", [b"", b"\xff", b"format = 2\n"])
def test_terms_that_cannot_be_read_are_said_to_be(found: bytes) -> None:
    (line,) = terms_that_differ(found, TERMS)
    assert line.startswith("the terms in the image cannot be read: ")
