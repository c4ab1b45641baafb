"""An entry commits to what happened, shows no name, and opens by its secret alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected
from contract.canonical import render_canonical
from contract.release_log import (
    SALT_BYTES,
    SECRET_BYTES,
    Entry,
    EntryFormatUnknown,
    EntryMalformed,
    Logged,
    Opening,
    OpeningOfAnother,
    check_opening,
    find_opening,
    logged_members,
    make_entry,
    parse_entry,
    parse_logged,
    parse_opening,
    render_entry,
    render_opening,
)

SECRET, OTHER_SECRET = bytes(range(32)), bytes(32)
OPENING = Opening(
    kind="release",
    at=1_760_000_000,
    said={"licence": "0" * 32, "holder": "secundus", "pictures": "12"},
    salt=bytes(range(32, 64)),
)
ENTRY = make_entry(OPENING, SECRET)


def test_an_entry_is_read_as_it_was_written() -> None:
    assert parse_entry(render_entry(ENTRY)) == ENTRY
    assert parse_opening(render_opening(OPENING)) == OPENING


def test_the_secret_opens_the_entry_and_no_other_does() -> None:
    assert find_opening(ENTRY, SECRET) == OPENING
    assert find_opening(ENTRY, OTHER_SECRET) is None


def test_an_outsider_reads_kind_and_time_and_no_name() -> None:
    text = render_entry(ENTRY)
    assert (ENTRY.kind, ENTRY.at) == ("release", 1_760_000_000)
    for said in OPENING.said.values():
        assert said.encode() not in text or said == "12"
    assert b"secundus" not in text and b"secundus" not in ENTRY.sealed


def test_an_entry_that_was_sealed_years_ago_opens_and_one_of_today_is_the_same() -> None:
    """What a log has cannot be sealed anew, so how it is sealed stands fast: here by its digest."""
    assert ENTRY.commitment == "sha256:95749c5229cb035cdb4f66375be0982111e465ab5baac9ba512addceef32937d"
    sealed = "sha256:bb3c97280d5f60fcc67a6d7b3542ab1a9cc6c81a63622941d62b5815df12671a"
    assert digest_of(ENTRY.sealed) == sealed
    assert (SALT_BYTES, SECRET_BYTES) == (32, 32)


def test_an_entry_may_be_as_long_as_a_log_takes() -> None:
    """C2SP, tlog-tiles: the length of an entry has two bytes."""
    room = 65_535 - len(members(sealed=""))
    longest = members(sealed="A" * (room // 4 * 4))
    assert 65_531 < len(longest) <= 65_535
    assert len(parse_entry(longest).sealed) == room // 4 * 3
    with pytest.raises(EntryMalformed, match="is larger than 65535 bytes"):
        parse_entry(members(sealed="A" * (room // 4 * 4 + 4)))
    exact = replace(OPENING, said={"x": ""})
    exact = replace(OPENING, said={"x": "y" * (65_535 - len(render_opening(exact)))})
    assert parse_opening(render_opening(exact)) == exact
    with pytest.raises(EntryMalformed):
        parse_opening(render_opening(replace(exact, said={"x": exact.said["x"] + "y"})))


def test_the_same_thing_twice_has_two_commitments() -> None:
    again = make_entry(replace(OPENING, salt=bytes(32)), SECRET)
    assert again.commitment != ENTRY.commitment
    assert again.sealed != ENTRY.sealed


def test_whoever_is_handed_the_opening_needs_no_secret() -> None:
    assert check_opening(ENTRY, render_opening(OPENING)) == OPENING


OF_ANOTHER = {
    "another salt": replace(OPENING, salt=bytes(32)),
    "another holder": replace(OPENING, said={**OPENING.said, "holder": "tertius"}),
    "something left out": replace(OPENING, said={"licence": "0" * 32, "pictures": "12"}),
    "another time": replace(OPENING, at=OPENING.at + 1),
    "another kind": replace(OPENING, kind="renew"),
}


@pytest.mark.parametrize("opening", OF_ANOTHER.values(), ids=OF_ANOTHER)
def test_an_opening_of_something_else_is_refused(opening: Opening) -> None:
    with pytest.raises(OpeningOfAnother):
        check_opening(ENTRY, render_opening(opening))


@pytest.mark.parametrize("shown", [{"kind": "renew"}, {"at": 1}], ids=["kind", "time"])
def test_an_entry_that_shows_another_kind_or_time_than_it_commits_to_is_refused(
    shown: dict[str, object],
) -> None:
    with pytest.raises(OpeningOfAnother):
        find_opening(replace(ENTRY, **shown), SECRET)  # type: ignore[arg-type]


def test_every_flipped_bit_of_an_entry_is_refused_or_does_not_open() -> None:
    data = render_entry(ENTRY)
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        try:
            assert find_opening(parse_entry(bytes(flipped)), SECRET) is None
        except (EvidenceRejected, EntryFormatUnknown):
            continue


def members(**changed: object) -> bytes:
    document: dict[str, object] = {
        "format": 1,
        "kind": "release",
        "at": "1760000000",
        "commitment": ENTRY.commitment,
        "sealed": base64.b64encode(ENTRY.sealed).decode(),
    }
    return render_canonical({name: each for name, each in {**document, **changed}.items() if each != "gone"})


MALFORMED = {
    "no JSON": b"{",
    "a list": b"[]",
    "a member is missing": members(sealed="gone"),
    "a member is added": members(holder="secundus"),
    "a kind that there is not": members(kind="refund"),
    "a time that is a number": members(at=1),
    "a time below zero": members(at="-1"),
    "a commitment of another length": members(commitment="sha256:00"),
    "a commitment that is a number": members(commitment=1),
    "what is sealed is no base64": members(sealed="!"),
    "what is sealed has a second reading": members(sealed="AB=="),
    "it is written in another way": render_entry(ENTRY).replace(b":", b": "),
    "it is longer than a log takes": members(sealed="A" * (64 << 10)),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    with pytest.raises(EntryMalformed):
        parse_entry(data)


@pytest.mark.parametrize(("read", "what"), [(parse_entry, "entry"), (parse_opening, "opening")])
def test_what_is_wrong_has_its_code_and_its_words(read: Callable[[bytes], object], what: str) -> None:
    def said(data: bytes) -> tuple[str, str]:
        with pytest.raises((EntryMalformed, EntryFormatUnknown)) as refused:
            read(data)
        return refused.value.code, refused.value.message

    malformed = f"the log's {what} is not as this program writes it"
    right = {"entry": render_entry(ENTRY), "opening": render_opening(OPENING)}[what]
    assert said(b"{") == ("log-entry-malformed", f"the log's {what} is not JSON")
    assert said(b'{"format":1}') == ("log-entry-malformed", malformed)
    assert said(right.replace(b'{"', b'{"a":1,"', 1)) == ("log-entry-malformed", malformed)
    assert said(b'{"format":2}')[0] == "log-entry-format-unknown"
    assert OpeningOfAnother.code == "opening-of-another"


def test_a_row_of_the_table_without_its_change_is_an_entry() -> None:
    assert members() == render_entry(ENTRY)


@pytest.mark.parametrize("number", [2, True, "1", None])
def test_another_format_is_said_to_be_one(number: object) -> None:
    with pytest.raises(EntryFormatUnknown):
        parse_entry(members(format=number))


NO_OPENINGS = {
    "what is said is no text": {"said": {"runs": 1}},
    "what is said is a list": {"said": []},
    "the salt is shorter": {"salt": "00" * 31},
    "the salt is in capitals": {"salt": "AA" * 32},
    "something is added": {"more": "x"},
}


@pytest.mark.parametrize("changed", NO_OPENINGS.values(), ids=NO_OPENINGS)
def test_what_is_no_opening_is_refused(changed: dict[str, object]) -> None:
    document: dict[str, object] = {
        "format": 1,
        "kind": "release",
        "at": "1",
        "said": {},
        "salt": "00" * 32,
    }
    parse_opening(render_canonical(document))
    with pytest.raises(EntryMalformed):
        parse_opening(render_canonical({**document, **changed}))


def test_a_secret_of_another_length_is_the_caller_s_mistake() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        make_entry(OPENING, b"short")
    assert find_opening(ENTRY, b"short") is None


def test_secrets_redact_themselves() -> None:
    assert "salt" not in repr(OPENING) and "sealed" not in repr(ENTRY)
    assert "opening" not in repr(LOGGED)


LOGGED = Logged(entry=b"entry", opening=b"opening", index=7, checkpoint="text", proof=(bytes(32), SECRET))


def test_where_an_entry_is_logged_is_read_as_it_was_written() -> None:
    assert parse_logged(logged_members(LOGGED)) == LOGGED


def test_a_proof_may_be_as_long_as_any() -> None:
    longest = replace(LOGGED, proof=(bytes(32),) * 64)
    assert parse_logged(logged_members(longest)) == longest


NOT_LOGGED: dict[str, object] = {
    "it is no object": [],
    "a member is missing": {name: each for name, each in logged_members(LOGGED).items() if name != "index"},
    "a member is added": {**logged_members(LOGGED), "more": 1},
    "the index is a number": {**logged_members(LOGGED), "index": 7},
    "the checkpoint is no text": {**logged_members(LOGGED), "checkpoint": 7},
    "a digest is shorter": {**logged_members(LOGGED), "proof": ["00"]},
    "the proof is text": {**logged_members(LOGGED), "proof": "00"},
    "the proof is longer than any": {**logged_members(LOGGED), "proof": ["00" * 32] * 65},
    "the entry has a second reading": {**logged_members(LOGGED), "entry": "AB=="},
    "the entry has a letter of no alphabet": {**logged_members(LOGGED), "entry": "AA==!"},
}


@pytest.mark.parametrize("value", NOT_LOGGED.values(), ids=NOT_LOGGED)
def test_what_says_no_place_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        parse_logged(value)


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4),
    st.integers(0, 2**40),
    st.sampled_from(("release", "renew", "return", "order")),
    st.binary(min_size=32, max_size=32),
)
def test_whatever_is_said_opens_again(said: dict[str, str], at: int, kind: str, secret: bytes) -> None:
    opening = Opening(kind=kind, at=at, said=said, salt=bytes(32))  # type: ignore[arg-type]
    entry: Entry = parse_entry(render_entry(make_entry(opening, secret)))
    assert find_opening(entry, secret) == opening
