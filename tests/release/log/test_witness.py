"""A witness is asked as C2SP says, and nothing is believed of its answer but its own cosignature."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attestation.errors import Misconfigured
from contract.checkpoint import Checkpoint, broker_of, origin_of, sign_checkpoint
from contract.cosignature import cosign
from contract.merkle import root_of
from contract.merkle_consistency import prove_consistency
from contract.release_refusals import BrokerRefused
from contract.signed_note import NOTE, note_key, parse_note, render_signature, render_verifier_key
from release.log.witness import WitnessClient, WitnessHasSeen
from tests.release.brokers import IDENTITY
from tests.release.log.witness_server import AT, KEY, NAME, WITNESS, Witness

ORIGIN = origin_of(broker_of(IDENTITY))
LEAVES = [f"entry {number}".encode() for number in range(9)]


def checkpoint_of(size: int, leaves: list[bytes] = LEAVES) -> str:
    return sign_checkpoint(Checkpoint(origin=ORIGIN, size=size, root=root_of(leaves[:size])), IDENTITY)


@pytest.fixture
def client(witness: Witness) -> WitnessClient:
    witness.know(render_verifier_key(note_key(ORIGIN, NOTE, IDENTITY)))
    return WitnessClient(witness.url, WITNESS)


def test_the_first_checkpoint_is_cosigned_and_the_next_by_a_proof(client: WitnessClient) -> None:
    (line,) = client.add_checkpoint(checkpoint_of(4), old=0, proof=())
    assert line.signature[:8] == AT.to_bytes(8, "big")
    grown = prove_consistency(LEAVES[:7], 4)
    assert client.add_checkpoint(checkpoint_of(7), old=4, proof=grown)
    assert client.add_checkpoint(checkpoint_of(7), old=7, proof=())


def test_the_body_is_what_the_specification_shows(client: WitnessClient, witness: Witness) -> None:
    client.add_checkpoint(checkpoint_of(4), old=0, proof=())
    assert witness.asked == [f"old 0\n\n{checkpoint_of(4)}".encode()]


@pytest.mark.parametrize("old", [0, 3, 7])
def test_a_witness_that_has_seen_another_size_says_which(client: WitnessClient, old: int) -> None:
    client.add_checkpoint(checkpoint_of(5), old=0, proof=())
    proof = prove_consistency(LEAVES[:7], old) if old else ()
    with pytest.raises(WitnessHasSeen) as raised:
        client.add_checkpoint(checkpoint_of(7), old=old, proof=proof)
    assert raised.value.size == 5


def test_another_log_than_it_has_seen_is_not_cosigned(client: WitnessClient) -> None:
    client.add_checkpoint(checkpoint_of(5), old=0, proof=())
    others = [b"another", *LEAVES[1:]]
    with pytest.raises(BrokerRefused, match="has seen another log") as raised:
        client.add_checkpoint(checkpoint_of(7, others), old=5, proof=prove_consistency(others[:7], 5))
    assert raised.value.code == "broker-not-ready"


def test_a_log_that_it_does_not_know_is_not_cosigned(witness: Witness) -> None:
    client = WitnessClient(witness.url, WITNESS)
    with pytest.raises(BrokerRefused, match="does not know the log"):
        client.add_checkpoint(checkpoint_of(1), old=0, proof=())
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    witness.know(render_verifier_key(note_key(ORIGIN, NOTE, other)))
    with pytest.raises(BrokerRefused, match="by another key"):
        client.add_checkpoint(checkpoint_of(1), old=0, proof=())


def own_line(text: str, at: int = AT) -> bytes:
    return render_signature(cosign(parse_note(text).text, name=NAME, key=KEY, at=at)).encode()


STRANGER = render_signature(
    cosign(parse_note(checkpoint_of(4)).text, name="stranger", key=IDENTITY, at=AT)
).encode()
BROKEN = {
    "the cosignature of another checkpoint": (200, "text/plain", own_line(checkpoint_of(5))),
    "a stranger's cosignature alone": (200, "text/plain", STRANGER),
    "a cosignature, and one that does not hold": (
        200,
        "text/plain",
        own_line(checkpoint_of(4)) + own_line(checkpoint_of(5)),
    ),
    "a cosignature without its line end": (200, "text/plain", own_line(checkpoint_of(4))[:-1]),
    "nothing": (200, "text/plain", b""),
    "something that is no text": (200, "text/plain", b"\xff\n"),
    "a redirection": (302, "text/plain", b""),
    "a failure": (500, "text/plain", b""),
    "a conflict without a size": (409, "text/plain", b"4\n"),
    "a size that is none": (409, "text/x.tlog.size", b"04\n"),
    "a size without its line end": (409, "text/x.tlog.size", b"4"),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_any_other_answer_is_no_cosignature(
    client: WitnessClient, witness: Witness, answer: tuple[int, str, bytes]
) -> None:
    witness.broken = answer
    with pytest.raises(BrokerRefused, match="does not cosign") as raised:
        client.add_checkpoint(checkpoint_of(4), old=0, proof=())
    assert raised.value.code == "broker-not-ready"


def test_what_a_stranger_adds_is_passed_over(client: WitnessClient, witness: Witness) -> None:
    witness.broken = (200, "text/plain", STRANGER + own_line(checkpoint_of(4)))
    (line,) = client.add_checkpoint(checkpoint_of(4), old=0, proof=())
    assert line.name == NAME


def test_a_witness_that_is_away_is_not_waited_for() -> None:
    client = WitnessClient("http://127.0.0.1:9", WITNESS)
    with pytest.raises(BrokerRefused, match="does not answer"):
        client.add_checkpoint(checkpoint_of(4), old=0, proof=())


@pytest.mark.parametrize("drips_from", [0, 10, 43], ids=["its first line", "its head", "its body"])
def test_a_witness_that_sends_a_byte_now_and_then_is_not_listened_to_for_ever(
    witness: Witness, drips_from: int
) -> None:
    client = WitnessClient(witness.url, WITNESS, answer_s=0.3)
    witness.know(render_verifier_key(note_key(ORIGIN, NOTE, IDENTITY)))
    witness.drips_from = drips_from
    with pytest.raises(BrokerRefused, match="does not cosign") as raised:
        client.add_checkpoint(checkpoint_of(4), old=0, proof=())
    assert raised.value.code == "broker-not-ready"
    witness.drips_from = None
    assert client.add_checkpoint(checkpoint_of(4), old=4, proof=()), "it has seen it all the same"


@pytest.mark.parametrize("url", ["http://witness.example", "witness.example", "file:///witness", ""])
def test_a_witness_is_reached_over_tls(url: str) -> None:
    with pytest.raises(Misconfigured, match="is not `https"):
        WitnessClient(url, WITNESS)
