"""A cosignature holds for one checkpoint, one time and one witness."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.errors import Misconfigured
from contract.cosignature import cosign, parse_witness_key, verify_cosignature
from contract.signed_note import (
    COSIGNATURE,
    NOTE,
    Note,
    NoteKey,
    NoteSignature,
    NoteSignedByAnother,
    note_key,
    render_verifier_key,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = "witness.example/w1"
WITNESS = note_key(NAME, COSIGNATURE, KEY)
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
AT = 1_679_315_147
LINE = cosign(TEXT, name=NAME, key=KEY, at=AT)


def note(*lines: NoteSignature, text: str = TEXT) -> Note:
    return Note(text=text, signatures=lines)


def test_a_cosignature_says_when_the_witness_saw_the_checkpoint() -> None:
    assert verify_cosignature(note(LINE), WITNESS) == AT


def test_it_signs_the_text_that_the_specification_shows() -> None:
    message = f"cosignature/v1\ntime {AT}\n{TEXT}".encode()
    assert LINE.signature == AT.to_bytes(8, "big") + KEY.sign(message)


@pytest.mark.parametrize("at", [1, 2**63 - 1])
def test_the_first_second_and_the_last_are_times(at: int) -> None:
    assert verify_cosignature(note(cosign(TEXT, name=NAME, key=KEY, at=at)), WITNESS) == at


def test_of_several_the_latest_time_counts() -> None:
    later = cosign(TEXT, name=NAME, key=KEY, at=AT + 60)
    assert verify_cosignature(note(later, LINE), WITNESS) == AT + 60


def with_time(at: int) -> NoteSignature:
    return replace(LINE, signature=at.to_bytes(8, "big") + LINE.signature[8:])


DO_NOT_HOLD = {
    "the time was moved": with_time(AT + 1),
    "there is no time": cosign(TEXT, name=NAME, key=KEY, at=0),
    "the time is beyond any": cosign(TEXT, name=NAME, key=KEY, at=2**63),
    "a byte is missing": replace(LINE, signature=LINE.signature[:-1]),
    "a byte was added": replace(LINE, signature=LINE.signature + b"\0"),
    "it signs the text without a time": replace(
        LINE, signature=AT.to_bytes(8, "big") + KEY.sign(TEXT.encode())
    ),
    "it is of another checkpoint": cosign(TEXT.replace("3\n", "4\n"), name=NAME, key=KEY, at=AT),
}


@pytest.mark.parametrize("line", DO_NOT_HOLD.values(), ids=DO_NOT_HOLD)
def test_what_does_not_hold_is_refused(line: NoteSignature) -> None:
    with pytest.raises(NoteSignedByAnother, match="does not hold"):
        verify_cosignature(note(line), WITNESS)
    with pytest.raises(NoteSignedByAnother, match="does not hold"):
        verify_cosignature(note(LINE, line), WITNESS)


OTHERS = {
    "another name": note_key("witness.example/w2", COSIGNATURE, KEY),
    "a log's key": note_key(NAME, NOTE, KEY),
}


@pytest.mark.parametrize("witness", OTHERS.values(), ids=OTHERS)
def test_what_another_key_says_is_passed_over(witness: NoteKey) -> None:
    with pytest.raises(NoteSignedByAnother, match="not cosigned"):
        verify_cosignature(note(LINE), witness)


def test_a_log_s_key_is_no_witness_s() -> None:
    assert parse_witness_key(render_verifier_key(WITNESS)) == WITNESS
    with pytest.raises(Misconfigured, match="no witness's key"):
        parse_witness_key(render_verifier_key(note_key(NAME, NOTE, KEY)))
