"""A checkpoint is one text, of one broker's log, in one epoch, and an entry is in it or is not."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.errors import Misconfigured
from contract.checkpoint import (
    Checkpoint,
    CheckpointMalformed,
    broker_of,
    decode_checkpoint,
    epoch_of,
    open_checkpoint,
    origin_of,
    parse_checkpoint,
    render_checkpoint,
    sign_checkpoint,
    unsafe_read_checkpoint,
    verify_logged,
)
from contract.dsse import public_key_of
from contract.merkle import EMPTY_ROOT, ProofRejected, prove_inclusion, root_of
from contract.release_log import Logged
from contract.signed_note import Note, NoteMalformed, NoteSignedByAnother, sign_note

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BROKER = public_key_of(KEY)
ORIGIN = origin_of(broker_of(KEY))
ROOT = bytes(range(32))
CHECKPOINT = Checkpoint(origin=ORIGIN, size=20_852_163, root=ROOT)
SPECIFIED = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
"""The example of C2SP's tlog-checkpoint, without its signature."""


def test_the_specification_s_own_checkpoint_is_read_and_written_again_as_it_was() -> None:
    checkpoint = parse_checkpoint(Note(text=SPECIFIED, signatures=()))
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert render_checkpoint(checkpoint) == SPECIFIED


def test_further_lines_are_kept_because_they_are_signed() -> None:
    text = SPECIFIED + "one more\n"
    assert parse_checkpoint(Note(text=text, signatures=())).extension == ("one more",)
    assert render_checkpoint(parse_checkpoint(Note(text=text, signatures=()))) == text


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_what_a_broker_signed_is_opened_by_its_key(epoch: int) -> None:
    checkpoint = replace(CHECKPOINT, origin=origin_of(BROKER.key_id, epoch))
    assert open_checkpoint(sign_checkpoint(checkpoint, KEY), BROKER) == checkpoint
    assert epoch_of(checkpoint.origin, BROKER.key_id) == epoch


def test_a_log_begins_in_an_epoch_that_its_name_does_not_say() -> None:
    assert origin_of(BROKER.key_id) == origin_of(BROKER.key_id, 0) != origin_of(BROKER.key_id, 1)
    assert CheckpointMalformed.code == "checkpoint-malformed"


def test_an_origin_of_something_else_is_of_no_epoch() -> None:
    for origin in ("example.com/log", ORIGIN + "/0", ORIGIN + "/01", ORIGIN + "/", ORIGIN[:-1]):
        assert epoch_of(origin, BROKER.key_id) is None
    assert epoch_of(ORIGIN, broker_of(Ed25519PrivateKey.from_private_bytes(bytes(32)))) is None


def test_every_flipped_bit_of_what_was_signed_is_refused() -> None:
    data = sign_checkpoint(CHECKPOINT, KEY).encode()
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            with pytest.raises((NoteMalformed, CheckpointMalformed, NoteSignedByAnother)):
                open_checkpoint(decode_checkpoint(bytes(flipped)), BROKER)


def test_a_checkpoint_of_another_broker_is_refused_whoever_signs_it() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(NoteSignedByAnother, match="not this broker's"):
        open_checkpoint(
            sign_checkpoint(replace(CHECKPOINT, origin=origin_of(broker_of(other))), other), BROKER
        )
    with pytest.raises(NoteSignedByAnother, match="is not signed by"):
        open_checkpoint(sign_checkpoint(CHECKPOINT, other), BROKER)
    with pytest.raises(NoteSignedByAnother, match="not this broker's"):
        open_checkpoint(sign_checkpoint(replace(CHECKPOINT, origin="example.com/log"), KEY), BROKER)


def test_a_key_of_another_kind_is_no_broker_s() -> None:
    with pytest.raises(Misconfigured, match="of P-384"):
        open_checkpoint(sign_checkpoint(CHECKPOINT, KEY), public_key_of(generate_private_key(SECP384R1())))


def encoded(root: bytes) -> str:
    return base64.b64encode(root).decode()


MALFORMED = {
    "there is no size": "origin\n",
    "there is no root": "origin\n1\n",
    "the origin is empty": f"\n1\n{encoded(ROOT)}\n",
    "the size has a zero in front": f"origin\n01\n{encoded(ROOT)}\n",
    "the size has a sign": f"origin\n+1\n{encoded(ROOT)}\n",
    "the size is beyond 64 bits": f"origin\n{2**64}\n{encoded(ROOT)}\n",
    "the root is shorter": f"origin\n1\n{encoded(ROOT[:31])}\n",
    "the root is longer": f"origin\n1\n{encoded(ROOT + b'.')}\n",
    "the root is no base64": "origin\n1\n!\n",
    "the root has a second reading": f"origin\n1\n{encoded(ROOT)[:-2]}9=\n",
    "a further line is empty": f"origin\n1\n{encoded(ROOT)}\n\nmore\n",
    "an empty log has a root of entries": f"origin\n0\n{encoded(ROOT)}\n",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_checkpoint_is_refused_though_it_is_signed(text: str) -> None:
    with pytest.raises(CheckpointMalformed):
        unsafe_read_checkpoint(sign_note(text, name="origin", key=KEY))


def test_an_empty_log_has_one_root() -> None:
    empty = Checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, KEY), BROKER) == empty


def test_bytes_that_are_no_text_are_no_checkpoint() -> None:
    with pytest.raises(NoteMalformed, match="UTF-8"):
        decode_checkpoint(b"\xff")


LEAVES = [f"entry {index}".encode() for index in range(5)]
LOGGED = Logged(
    entry=LEAVES[3],
    opening=b"",
    index=3,
    checkpoint=sign_checkpoint(Checkpoint(origin=ORIGIN, size=5, root=root_of(LEAVES)), KEY),
    proof=prove_inclusion(LEAVES, 3),
)


def test_an_entry_is_shown_to_be_in_the_broker_s_log() -> None:
    assert verify_logged(LOGGED, BROKER).size == 5


NOT_LOGGED = {
    "another entry": replace(LOGGED, entry=LEAVES[2]),
    "another place": replace(LOGGED, index=2),
    "a place behind the end": replace(LOGGED, index=5),
    "a shorter proof": replace(LOGGED, proof=LOGGED.proof[:-1]),
    "a checkpoint of another list": replace(
        LOGGED, checkpoint=sign_checkpoint(Checkpoint(origin=ORIGIN, size=5, root=ROOT), KEY)
    ),
}


@pytest.mark.parametrize("logged", NOT_LOGGED.values(), ids=NOT_LOGGED)
def test_an_entry_that_is_not_there_is_refused(logged: Logged) -> None:
    with pytest.raises(ProofRejected):
        verify_logged(logged, BROKER)


def test_an_entry_in_a_stranger_s_log_is_refused() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(NoteSignedByAnother):
        verify_logged(LOGGED, public_key_of(other))
