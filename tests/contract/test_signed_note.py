"""Notes are read as C2SP writes them, and a signature that names a known key has to hold."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.errors import Misconfigured
from contract.signed_note import (
    COSIGNATURE,
    NOTE,
    NoteMalformed,
    NoteSignedByAnother,
    note_key,
    parse_note,
    parse_verifier_key,
    render_note,
    render_verifier_key,
    sign_note,
    verify_note,
)

SPECIFIED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPECIFIED = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1"
    "ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""The example of C2SP's signed-note, section “Verifier keys”."""

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
NAME = "log.example/1"
SIGNED = sign_note("one\n\ntwo\n", name=NAME, key=KEY)


def test_the_specification_s_own_note_verifies_and_is_written_again_as_it_was() -> None:
    note = parse_note(SPECIFIED)
    verify_note(note, parse_verifier_key(SPECIFIED_KEY))
    assert render_note(note) == SPECIFIED
    assert render_verifier_key(parse_verifier_key(SPECIFIED_KEY)) == SPECIFIED_KEY


def test_the_last_empty_line_ends_the_text() -> None:
    note = parse_note(SIGNED)
    assert note.text == "one\n\ntwo\n"
    verify_note(note, note_key(NAME, NOTE, KEY))


def test_each_flipped_bit_of_the_specification_s_note_is_refused() -> None:
    key = parse_verifier_key(SPECIFIED_KEY)
    data = SPECIFIED.encode()
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with pytest.raises((NoteMalformed, NoteSignedByAnother, UnicodeDecodeError)):
                verify_note(parse_note(bytes(flipped).decode()), key)


def line_of(text: str) -> str:
    return text.splitlines()[-1] + "\n"


def test_a_signature_by_an_unknown_key_is_passed_over() -> None:
    stranger = line_of(sign_note("another text\n", name="stranger", key=OTHER))
    same_name = line_of(sign_note("another text\n", name=NAME, key=OTHER))
    verify_note(parse_note(SIGNED + stranger + same_name), note_key(NAME, NOTE, KEY))


def test_a_signature_that_names_a_known_key_and_does_not_hold_refuses_the_whole_note() -> None:
    false = line_of(sign_note("another text\n", name=NAME, key=KEY))
    with pytest.raises(NoteSignedByAnother, match="does not hold"):
        verify_note(parse_note(SIGNED + false), note_key(NAME, NOTE, KEY))


REFUSED_KEYS = {
    "another key": note_key(NAME, NOTE, OTHER),
    "another name": note_key("log.example/2", NOTE, KEY),
    "another kind of signature": note_key(NAME, COSIGNATURE, KEY),
}


@pytest.mark.parametrize("key", REFUSED_KEYS.values(), ids=REFUSED_KEYS)
def test_a_note_without_the_key_s_signature_is_refused(key: object) -> None:
    with pytest.raises(NoteSignedByAnother, match="is not signed by"):
        verify_note(parse_note(SIGNED), key)  # type: ignore[arg-type]


GOOD = base64.b64encode(bytes(68)).decode()
MALFORMED = {
    "it has no signature": "text\n\n",
    "it has no empty line": f"text\n— a {GOOD}\n",
    "it has no text": f"\n\n— a {GOOD}\n",
    "its last line does not end": f"text\n\n— a {GOOD}",
    "a line has another dash": f"text\n\n- a {GOOD}\n",
    "a name is empty": f"text\n\n—  {GOOD}\n",
    "a name has a plus": f"text\n\n— a+b {GOOD}\n",
    "a name has a space of another kind": f"text\n\n— a\u2003b {GOOD}\n",
    "a signature is no base64": "text\n\n— a !!!!\n",
    "a signature has a second reading": "text\n\n— a AAAAAAB=\n",
    "a signature is a key's ID and no more": "text\n\n— a AAAAAA==\n",
    "it has a tab": f"te\tt\n\n— a {GOOD}\n",
    "it has a carriage return": f"text\r\n\n— a {GOOD}\n",
    "it has more signatures than anybody needs": "text\n\n" + f"— a {GOOD}\n" * 65,
    "it is larger than any": "t" * (256 << 10) + f"\n\n— a {GOOD}\n",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteMalformed):
        parse_note(text)


def test_sixteen_signatures_are_read() -> None:
    assert len(parse_note("text\n\n" + f"— a {GOOD}\n" * 16).signatures) == 16


NO_KEYS = {
    "it has one part": "example.com/foo",
    "its name is empty": "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "its name is another": SPECIFIED_KEY.replace("foo", "fop"),
    "its ID is another": SPECIFIED_KEY.replace("530d903a", "530d903b"),
    "its ID is in capitals": SPECIFIED_KEY.replace("530d903a", "530D903A"),
    "its key is cut": SPECIFIED_KEY[:-4],
    "its key is no base64": SPECIFIED_KEY[:-1] + "!",
    "it has no key": "example.com/foo+530d903a+",
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="is no verifier key"):
        parse_verifier_key(text)


def test_a_key_of_a_kind_that_is_not_known_says_so() -> None:
    text = render_verifier_key(note_key("a", 0x06, KEY))
    with pytest.raises(Misconfigured, match="of kind 6"):
        parse_verifier_key(text)


def test_of_several_signatures_each_has_its_line_and_the_last_one_ends() -> None:
    second = line_of(sign_note("one\n\ntwo\n", name="second", key=OTHER))
    assert render_note(parse_note(SIGNED + second)) == SIGNED + second
    with pytest.raises(NoteMalformed, match="does not end"):
        parse_note(SIGNED + second.removesuffix("\n"))


def test_a_note_has_at_most_256_kibi_characters_and_64_signatures() -> None:
    line = line_of(SIGNED)
    assert len(parse_note("text\n\n" + line * 64).signatures) == 64
    with pytest.raises(NoteMalformed, match="more than 64 signatures"):
        parse_note("text\n\n" + line * 65)
    longest = "t" * (262_144 - len("\n\n" + line))
    assert parse_note(f"{longest}\n\n{line}").text == longest + "\n"
    with pytest.raises(NoteMalformed, match="larger than 262144 characters"):
        parse_note(f"{longest}t\n\n{line}")


def test_a_signature_of_something_else_is_not_the_key_s() -> None:
    key = note_key(NAME, NOTE, KEY)
    assert key.verifies(KEY.sign(b"this"), b"this") is True
    assert key.verifies(KEY.sign(b"this"), b"that") is False
    assert key.verifies(b"", b"that") is False


def test_the_kinds_of_keys_are_c2sp_s_and_each_rejection_has_its_code() -> None:
    assert (NOTE, COSIGNATURE) == (1, 4)
    assert NoteMalformed.code == "note-malformed"
    assert NoteSignedByAnother.code == "note-signed-by-another"
