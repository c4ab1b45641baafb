"""What workload and broker say to one another has one text, and a key is sealed to one request."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from attestation.digests import Digest
from contract.release import (
    CHALLENGE_S,
    MOST_BYTES,
    REPEATED_S,
    SUITE,
    AnswerNotForUs,
    Call,
    Challenge,
    MessageMalformed,
    MessageVersionUnknown,
    Release,
    ReleaseRequest,
    audience_of,
    new_key_pair,
    nonce_of,
    open_key,
    parse_call,
    parse_challenge,
    parse_release,
    parse_request,
    render_call,
    render_challenge,
    render_release,
    render_request,
    request_digest,
    seal_key,
)
from contract.release_log import Logged
from tests.contract import hpke_by_hand

DIGEST = Digest("sha256:" + "b" * 64)
LOGGED = Logged(entry=b"entry", opening=b"opening", index=7, checkpoint="checkpoint\n", proof=(b"p" * 32,))
CHALLENGE = Challenge(challenge="c" * 64, ends_at=1_800_000_060)
REQUEST = ReleaseRequest(
    broker=DIGEST,
    challenge="c" * 64,
    public_key=bytes(range(32)),
    licence="1" * 32,
    manifest=Digest("sha256:" + "5" * 64),
    purpose="release",
    lease=None,
    pictures=40,
)
RENEWAL = replace(REQUEST, purpose="renew", lease="e" * 32, pictures=0)
CALL = Call(request=render_request(REQUEST), token="a.b.c")
RELEASE = Release(
    request=DIGEST,
    lease="e" * 32,
    lease_ends_at=1_800_003_600,
    lease_s=3600,
    pictures=40,
    sealed=b"sealed",
    logged=LOGGED,
)
RENEWED = replace(RELEASE, sealed=None)
MESSAGES: list[tuple[bytes, Callable[[bytes], object], object]] = [
    (render_challenge(CHALLENGE), parse_challenge, CHALLENGE),
    (render_request(REQUEST), parse_request, REQUEST),
    (render_request(RENEWAL), parse_request, RENEWAL),
    (render_call(CALL), parse_call, CALL),
    (render_release(RELEASE), parse_release, RELEASE),
    (render_release(RENEWED), parse_release, RENEWED),
]
NAMES = ["challenge", "request", "renewal", "call", "release", "renewed"]
each_message = pytest.mark.parametrize(("text", "parse", "value"), MESSAGES, ids=NAMES)


@each_message
def test_a_message_is_read_as_it_was_written(text: bytes, parse: Any, value: object) -> None:
    assert parse(text) == value


@each_message
def test_what_is_wrong_with_a_message_is_said_of_which(text: bytes, parse: Any, value: object) -> None:
    what = {parse_challenge: "challenge", parse_request: "request", parse_call: "call"}.get(parse, "answer")
    document = json.loads(text)

    def said(data: bytes) -> tuple[str, str]:
        with pytest.raises((MessageMalformed, MessageVersionUnknown)) as refused:
            parse(data)
        return refused.value.code, refused.value.message

    malformed = ("release-message-malformed", f"the {what} is not as this program writes it")
    assert said(b"{") == ("release-message-malformed", f"the {what} is not JSON")
    assert said(b" " * (MOST_BYTES + 1))[1] == f"the {what} is larger than 262144 bytes"
    assert said(b" " * MOST_BYTES)[1] == f"the {what} is not JSON"
    assert said(_canonical(document | {"zzz": 1})) == malformed
    assert said(json.dumps(document).encode()) == malformed
    for name in document.keys() - {"version", "lease"}:
        assert said(_canonical(document | {name: 1.5})) == malformed
    if "version" in document:
        assert said(_canonical(document | {"version": 2}))[0] == "release-version-unknown"


def test_a_challenge_lasts_a_minute_and_an_answer_is_repeated_for_ten() -> None:
    assert (CHALLENGE_S, REPEATED_S) == (60, 600)


@each_message
def test_another_text_of_the_same_message_is_refused(text: bytes, parse: Any, value: object) -> None:
    document = json.loads(text)
    others = [json.dumps(document).encode(), b" " + text, text + b"\n"]
    twice = text.replace(b"{", b"{" + text[1 : text.index(b",") + 1], 1)
    for other in [*others, twice]:
        with pytest.raises(MessageMalformed):
            parse(other)


@each_message
def test_a_message_without_a_member_or_with_one_more_is_refused(
    text: bytes, parse: Any, value: object
) -> None:
    document = json.loads(text)
    for name in document:
        less = {key: each for key, each in document.items() if key != name}
        with pytest.raises((MessageMalformed, MessageVersionUnknown)):
            parse(_canonical(less))
    with pytest.raises(MessageMalformed):
        parse(_canonical(document | {"zzz": 1}))


@each_message
def test_each_flipped_byte_is_refused_or_says_something_else(text: bytes, parse: Any, value: object) -> None:
    """Never the same message: so the digest in the token's nonce is another, or the answer is refused."""
    for place in range(len(text)):
        for bit in (0x01, 0x20, 0x80):
            flipped = bytearray(text)
            flipped[place] ^= bit
            with suppress(MessageMalformed, MessageVersionUnknown):
                assert parse(bytes(flipped)) != value


@pytest.mark.parametrize("version", [0, 2, "1", 1.5, None, True])
def test_a_message_of_another_version_is_refused_as_such(version: object) -> None:
    for text, parse, _ in (each for each, name in zip(MESSAGES, NAMES, strict=True) if name != "call"):
        with pytest.raises(MessageVersionUnknown):
            parse(_canonical(json.loads(text) | {"version": version}))


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 5000], ids=repr)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    for _, parse, _ in MESSAGES:
        with pytest.raises(MessageMalformed):
            parse(data)


def test_what_is_too_large_is_not_read() -> None:
    for text, parse, _ in MESSAGES:
        with pytest.raises(MessageMalformed):
            parse(text + b" " * MOST_BYTES)


REQUESTS = [
    pytest.param({"suite": "DHKEM(P-256)"}, id="another suite"),
    pytest.param({"suite": SUITE.lower()}, id="the suite in other letters"),
    pytest.param({"purpose": "inspect"}, id="another purpose"),
    pytest.param({"purpose": "renew"}, id="a renewal of no lease"),
    pytest.param({"lease": "e" * 32}, id="a release of a lease"),
    pytest.param({"lease": ""}, id="a lease without a name"),
    pytest.param({"public_key": "00" * 31}, id="a key that is too short"),
    pytest.param({"public_key": "AA" * 32}, id="a key in capitals"),
    pytest.param({"challenge": "c" * 63}, id="a challenge that is too short"),
    pytest.param({"challenge": "C" * 64}, id="a challenge in capitals"),
    pytest.param({"licence": "1" * 31}, id="a licence's name that is too short"),
    pytest.param({"licence": None}, id="no licence"),
    pytest.param({"broker": "b" * 64}, id="a broker without the digest's kind"),
    pytest.param({"manifest": 5}, id="a manifest that is a number"),
    pytest.param({"pictures": 40}, id="pictures as a number"),
    pytest.param({"pictures": "040"}, id="pictures with a zero before them"),
    pytest.param({"pictures": "-1"}, id="fewer than no pictures"),
    pytest.param({"pictures": str(2**64)}, id="pictures beyond 64 bits"),
]


@pytest.mark.parametrize("changes", REQUESTS)
def test_a_request_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MessageMalformed):
        parse_request(_canonical(json.loads(render_request(REQUEST)) | changes))


CALLS = [
    pytest.param({"token": ""}, False, id="an empty token is the verifier's to refuse"),
    pytest.param({"token": "ü"}, True, id="a token of other letters"),
    pytest.param({"token": "a" * (1 << 20)}, True, id="a token without end"),
    pytest.param({"token": None}, True, id="no token"),
    pytest.param({"request": "e30"}, True, id="a request whose base64 has no end"),
    pytest.param({"request": "e31="}, True, id="a request in base64 with a stray bit"),
    pytest.param({"request": "e30=\n"}, True, id="a request in base64 with a line end"),
    pytest.param({"request": {}}, True, id="a request that is an object"),
]


@pytest.mark.parametrize(("changes", "is_refused"), CALLS)
def test_a_call_is_refused(changes: dict[str, object], is_refused: bool) -> None:
    data = _canonical(json.loads(render_call(CALL)) | changes)
    if not is_refused:
        parse_call(data)
        return
    with pytest.raises(MessageMalformed):
        parse_call(data)


ANSWERS = [
    pytest.param({"request": "b" * 64}, id="a request without the digest's kind"),
    pytest.param({"lease": None}, id="no lease"),
    pytest.param({"lease_s": 3600}, id="a time as a number"),
    pytest.param({"lease_ends_at": "-1"}, id="a time before all times"),
    pytest.param({"sealed": "c2VhbGVk="}, id="a key in base64 with a second end"),
    pytest.param({"sealed": 1}, id="a key that is a number"),
    pytest.param({"logged": None}, id="nothing from the log"),
    pytest.param({"logged": {}}, id="an empty place in the log"),
]


@pytest.mark.parametrize("changes", ANSWERS)
def test_an_answer_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MessageMalformed):
        parse_release(_canonical(json.loads(render_release(RELEASE)) | changes))


LOGS = [
    pytest.param({"index": 7}, id="a place as a number"),
    pytest.param({"proof": "p"}, id="a proof that is a text"),
    pytest.param({"proof": ["70" * 31]}, id="a proof with a short digest"),
    pytest.param({"proof": ["70" * 32] * 65}, id="a proof without end"),
    pytest.param({"proof": [None]}, id="a proof of nothing"),
    pytest.param({"checkpoint": None}, id="no checkpoint"),
    pytest.param({"entry": "ZW50cnk"}, id="an entry whose base64 has no end"),
    pytest.param({"opening": "b3BlbmluZw="}, id="an opening whose base64 has half an end"),
    pytest.param({"more": 1}, id="one member more"),
]


@pytest.mark.parametrize("changes", LOGS)
def test_what_an_answer_says_of_the_log_is_refused(changes: dict[str, object]) -> None:
    document = json.loads(render_release(RELEASE))
    with pytest.raises(MessageMalformed):
        parse_release(_canonical(document | {"logged": document["logged"] | changes}))


def test_an_audience_names_one_broker_and_is_never_sts_s() -> None:
    assert audience_of(DIGEST) == f"symbolon:release:v1:{DIGEST}"


def test_a_request_is_named_by_its_bytes() -> None:
    text = render_request(REQUEST)
    assert request_digest(text) == f"sha256:{nonce_of(text)}"
    assert nonce_of(text) != nonce_of(render_request(replace(REQUEST, pictures=41)))


def test_a_secret_does_not_show_itself() -> None:
    assert "a.b.c" not in repr(CALL)
    assert "sealed" not in repr(RELEASE).replace("sealed=", "")
    assert "opening" not in repr(RELEASE)


def test_a_key_opens_for_its_request_alone() -> None:
    private, public = new_key_pair()
    sealed = seal_key(b"k" * 32, public_key=public, request=b"request")
    assert open_key(sealed, private, request=b"request") == b"k" * 32
    for key, request in ((private, b"another"), (new_key_pair()[0], b"request")):
        with pytest.raises(AnswerNotForUs):
            open_key(sealed, key, request=request)


def test_a_key_is_sealed_anew_each_time() -> None:
    _, public = new_key_pair()
    assert len({seal_key(b"k", public_key=public, request=b"r") for _ in range(10)}) == 10


def test_each_flipped_bit_of_a_sealed_key_is_refused() -> None:
    """The highest one of the point too, which X25519 does not read: the key schedule does."""
    private, public = new_key_pair()
    sealed = seal_key(b"k" * 32, public_key=public, request=b"request")
    for place in range(len(sealed)):
        for bit in range(8):
            flipped = bytearray(sealed)
            flipped[place] ^= 1 << bit
            with pytest.raises(AnswerNotForUs):
                open_key(bytes(flipped), private, request=b"request")


@pytest.mark.parametrize("length", [0, 1, 31, 32, 47, 79])
def test_a_sealed_key_that_is_cut_is_refused(length: int) -> None:
    private, public = new_key_pair()
    sealed = seal_key(b"k" * 32, public_key=public, request=b"request")
    assert len(sealed) == 80
    with pytest.raises(AnswerNotForUs):
        open_key(sealed[:length], private, request=b"request")


SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
"""Source: RFC 7748, section 6.1; cr.yp.to/ecdh.html, "How do I validate Curve25519 public keys?"."""


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_nothing_is_sealed_to_a_point_of_small_order(point: str) -> None:
    with pytest.raises(MessageMalformed):
        seal_key(b"k" * 32, public_key=bytes.fromhex(point), request=b"request")


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_nothing_opens_that_is_sealed_by_a_point_of_small_order(point: str) -> None:
    private, public = new_key_pair()
    sealed = seal_key(b"k" * 32, public_key=public, request=b"request")
    with pytest.raises(AnswerNotForUs):
        open_key(bytes.fromhex(point) + sealed[32:], private, request=b"request")


def test_a_public_key_of_another_length_is_refused() -> None:
    with pytest.raises(MessageMalformed):
        seal_key(b"k" * 32, public_key=bytes(33), request=b"request")


def test_hpke_by_hand_is_rfc_9180_s() -> None:
    """Source: RFC 9180, appendix A.1.1, sequence number 0."""
    ephemeral = "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"
    recipient = "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(recipient))
    sealed = hpke_by_hand.seal(
        bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479"),
        ephemeral=X25519PrivateKey.from_private_bytes(bytes.fromhex(ephemeral)),
        public=private.public_key().public_bytes_raw(),
        info=info,
        aead=hpke_by_hand.AES_128_GCM,
        aad=bytes.fromhex("436f756e742d30"),
    )
    assert sealed.hex() == (
        "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"
    )


def test_hpke_by_hand_opens_what_is_sealed_here_and_the_other_way_round() -> None:
    private, public = new_key_pair()
    info = bytes.fromhex(nonce_of(b"request"))
    sealed = seal_key(b"k" * 32, public_key=public, request=b"request")
    aead = hpke_by_hand.AES_256_GCM
    assert hpke_by_hand.unseal(sealed, private=private, info=info, aead=aead) == b"k" * 32
    theirs = hpke_by_hand.seal(
        b"t" * 32, ephemeral=X25519PrivateKey.generate(), public=public, info=info, aead=aead
    )
    assert open_key(theirs, private, request=b"request") == b"t" * 32


def _canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_tests_write_as_the_program_does() -> None:
    """Else a row of the tables above would be refused for its text alone."""
    for text, _, _ in MESSAGES:
        assert _canonical(json.loads(text)) == text
    assert base64.b64decode("e30=") == b"{}"
