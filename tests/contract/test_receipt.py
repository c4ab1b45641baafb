"""A receipt has one writer and one reader, and there is one way to read it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.errors import EvidenceRejected, Misconfigured, SymbolonError
from contract import parts, receipt
from contract.canonical import render_canonical
from contract.receipt import (
    ReceiptFormatUnknown,
    ReceiptMalformed,
    nonce_of,
    parse_receipt,
    parse_statement,
    render_receipt,
    render_statement,
    row_leaf,
)
from tests.receipts import PICTURES, Draft, results_of, statement_of

STATEMENT = statement_of(results_of(PICTURES), PICTURES)
PAYLOAD = render_canonical(STATEMENT)
RECEIPT = Draft().make()


def test_the_nonce_is_of_what_dsse_signs() -> None:
    """PAE of the type and the bytes, as secure-systems-lab/dsse, protocol.md, has it."""
    pae = b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
    assert nonce_of(b"{}") == hashlib.sha256(pae).hexdigest()
    assert len(nonce_of(PAYLOAD)) == 64  # within the 8 to 88 bytes that a nonce may have


def test_a_statement_is_written_as_it_was_read() -> None:
    statement = parse_statement(PAYLOAD)
    assert render_statement(statement) == PAYLOAD
    assert (statement.inputs.size, statement.model_generation) == (PICTURES, 1_712_345_678_901_234)
    assert [subject.name for subject in statement.subjects] == [
        "result-00000.jsonl",
        "result-00001.jsonl",
        "result",
    ]


def test_a_receipt_is_the_payload_as_it_stands_and_the_token() -> None:
    envelope = parse_receipt(render_receipt(b'{ "any": "bytes" }', "a.b.c").encode())
    assert (envelope.payload, envelope.token) == (b'{ "any": "bytes" }', "a.b.c")
    document = json.loads(render_receipt(PAYLOAD, "a.b.c"))
    assert document["payloadType"] == "application/vnd.in-toto+json"
    assert base64.b64decode(document["payload"]) == PAYLOAD
    assert document["signatures"] == [
        {"keyid": "symbolon:attestation", "sig": base64.b64encode(b"a.b.c").decode()}
    ]


def test_a_receipt_does_not_show_its_token() -> None:
    assert "a.b.c" not in repr(parse_receipt(render_receipt(PAYLOAD, "a.b.c").encode()))


def paths(value: Any, *path: object) -> list[tuple[object, ...]]:
    """The path of each member of an object, and of each element of a list."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [paths(below, *path, name) for name, below in pairs]
    return [path for below in found for path in below] + ([path] if path else [])


def changed(path: tuple[object, ...], *value: object) -> bytes:
    """The statement with another value at the path, or with none."""
    document = json.loads(PAYLOAD)
    at = document
    for name in path[:-1]:
        at = at[name]
    if value:
        at[path[-1]] = value[0]
    else:
        del at[path[-1]]
    return render_canonical(document)


FREE = [("subject", 0), ("subject", 1), ("subject", 2)]
"""The number of subjects is free, and so are the reasons and libraries that are counted."""


@pytest.mark.parametrize("path", paths(STATEMENT), ids=lambda path: ".".join(map(str, path)))
def test_each_member_has_to_be_there_and_of_its_type(path: tuple[object, ...]) -> None:
    if path not in FREE and path[-2:-1] not in [("left_out",), ("libraries",)]:
        with pytest.raises((ReceiptMalformed, ReceiptFormatUnknown)):
            parse_statement(changed(path))
    wrong: list[object] = [[], None, True, -1, 1.5, "\x00", {}]
    for value in wrong:
        if (path[-1], value) in MAY_BE:
            continue
        if value == {} and path[-1] in ("left_out", "libraries"):
            continue
        if value == "\x00" and path[-1] in TEXTS:
            continue
        with pytest.raises((ReceiptMalformed, ReceiptFormatUnknown)):
            parse_statement(changed(path, value))


MAY_BE: list[tuple[object, object]] = [
    ("generation", None),
    ("sealed_manifest", None),
    ("release", None),
    ("proxy", True),
    ("private_ca", True),
    ("subject", []),
]
TEXTS = {"reference", "uri", "provider", "service_account", "input", "result", "numpy", "openvino"}
"""Members that any text may be; what it says is for the plan to judge."""


@pytest.mark.parametrize("found", ["0", "2", '"1"', "null", "true", "1.0"])
def test_another_format_is_unknown(found: str) -> None:
    with pytest.raises(ReceiptFormatUnknown, match="of `format`"):
        parse_statement(PAYLOAD.replace(b'"format":1', f'"format":{found}'.encode()))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_rejected_and_nothing_else(data: bytes) -> None:
    for parse in (parse_receipt, parse_statement):
        with pytest.raises((EvidenceRejected, Misconfigured)):
            parse(data)


@given(st.integers(0, len(RECEIPT) - 1), st.integers(0, 255))
def test_another_byte_anywhere_is_rejected_or_read_the_same_by_all(place: int, byte: int) -> None:
    """Whatever it is read as, it is no other exception; what the token vouches for, its nonce says."""
    data = bytearray(RECEIPT)
    data[place] = byte
    try:
        envelope = parse_receipt(bytes(data))
        parse_statement(envelope.payload)
    except SymbolonError:
        return
    assert envelope.token


@pytest.mark.parametrize("text", ["YWJj\n", "YWJ", "YWJj YWJj", "YR==", "_-8="])
def test_there_is_one_base64_for_some_bytes(text: str) -> None:
    document = json.loads(render_receipt(PAYLOAD, "a.b.c")) | {"payload": text}
    with pytest.raises(ReceiptMalformed, match="base64"):
        parse_receipt(json.dumps(document).encode())


def test_a_part_s_token_can_seal_no_receipt() -> None:
    assert receipt.AUDIENCE != parts.AUDIENCE


def test_what_other_implementations_compare_with_is_fixed() -> None:
    assert (receipt.AUDIENCE, receipt.PREDICATE_TYPE) == ("symbolon:receipt:v1", "symbolon:receipt:v1")
    assert receipt.STATEMENT_TYPE == "https://in-toto.io/Statement/v1"
    assert (ReceiptMalformed.code, ReceiptFormatUnknown.code) == (
        "receipt-malformed",
        "receipt-format-unknown",
    )


def test_a_row_s_leaf_is_its_line_with_or_without_its_end() -> None:
    assert (row_leaf(b"{}\n"), row_leaf(b"{}"), row_leaf(b"{}\n\n")) == (b"{}", b"{}", b"{}\n")


@pytest.mark.parametrize("number", [0, 1, 2**53 - 1])
def test_a_number_is_as_large_as_any_reader_of_json_can_tell(number: int) -> None:
    assert parse_statement(changed(("predicate", "counts", "unreadable"), number)).unreadable == number


@pytest.mark.parametrize("number", [-1, 2**53, 2**53 + 1, True])
def test_any_other_number_is_rejected(number: int) -> None:
    document = json.loads(PAYLOAD)
    document["predicate"]["counts"]["unreadable"] = number
    with pytest.raises(ReceiptMalformed):
        parse_statement(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"payloadType": "text/plain"}, "the receipt's payload type is `text/plain`, not"),
        ({"signatures": []}, "the receipt does not have exactly one signature"),
        ({"signatures": [{"keyid": "x", "sig": ""}] * 2}, "the receipt does not have exactly one signature"),
        ({"signatures": "x"}, "the receipt does not have exactly one signature"),
        ({"signatures": [{"keyid": "x", "sig": ""}]}, "the receipt's signature is by `x`, not"),
        ({"note": 1}, "the receipt does not have exactly the members payloadType, payload, signatures"),
    ],
)
def test_an_envelope_that_differs_in_one_thing_is_told_what(change: dict[str, object], said: str) -> None:
    document = json.loads(render_receipt(PAYLOAD, "a.b.c")) | change
    with pytest.raises(ReceiptMalformed) as rejected:
        parse_receipt(json.dumps(document).encode())
    assert rejected.value.message.startswith(said)


def test_what_is_no_json_is_told_so() -> None:
    with pytest.raises(ReceiptMalformed, match="receipt is not JSON"):
        parse_receipt(b"{")


def test_no_more_is_read_than_a_receipt_has() -> None:
    with pytest.raises(ReceiptMalformed, match=r"^the receipt is larger than 4194304 bytes$"):
        parse_receipt(b" " * ((4 << 20) + 1))
    with pytest.raises(ReceiptMalformed, match="receipt is not JSON"):
        parse_receipt(b" " * (4 << 20))


def test_a_release_that_has_other_members_is_named() -> None:
    with pytest.raises(
        ReceiptMalformed, match=r"^`release` does not have exactly the members request, logged$"
    ):
        parse_statement(changed(("predicate", "release"), {"note": 1}))


@pytest.mark.parametrize("mode", ["production", "emulator"])
def test_a_receipt_says_in_which_mode_it_was_sealed(mode: str) -> None:
    assert parse_statement(changed(("predicate", "mode"), mode)).mode == mode


@pytest.mark.parametrize(
    "name",
    ["image", "model", "terms", "credential", "request", "job", "inputs", "rows", "counts", "network"],
)
def test_an_object_that_has_other_members_is_named(name: str) -> None:
    with pytest.raises(ReceiptMalformed, match=rf"`{name}` does not have exactly the members"):
        parse_statement(changed(("predicate", name), {"note": 1}))


@pytest.mark.parametrize("what", ["inputs", "rows"])
@pytest.mark.parametrize("root", ["", "0" * 63, "0" * 66, "A" * 64])
def test_a_root_is_64_hex_digits(what: str, root: str) -> None:
    with pytest.raises(ReceiptMalformed, match="is not 64 hex digits"):
        parse_statement(changed(("predicate", what, "root"), root))


def test_no_two_subjects_have_one_name() -> None:
    with pytest.raises(ReceiptMalformed, match="two subjects have one name"):
        parse_statement(changed(("subject", 1), STATEMENT["subject"][0]))


RELEASED = {
    "request": "sha256:" + "5" * 64,
    "logged": {
        "entry": base64.b64encode(b"an entry").decode(),
        "opening": base64.b64encode(b"its opening").decode(),
        "index": "7",
        "checkpoint": "a checkpoint",
        "proof": ["ab" * 32, "cd" * 32],
    },
}


def test_a_release_is_written_as_it_was_read() -> None:
    payload = changed(("predicate", "release"), RELEASED)
    release = parse_statement(payload).release
    assert release is not None
    assert (release.request, release.logged.index, len(release.logged.proof)) == ("sha256:" + "5" * 64, 7, 2)
    assert render_statement(parse_statement(payload)) == payload


@pytest.mark.parametrize("path", paths(RELEASED), ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("value", [None, True, 1, "\x00", [None], {}], ids=repr)
def test_each_member_of_a_release_has_to_be_of_its_type(path: tuple[object, ...], value: object) -> None:
    if path == ("logged", "checkpoint") and isinstance(value, str):
        return  # its text is for whoever verifies it
    document = json.loads(changed(("predicate", "release"), RELEASED))
    at = document["predicate"]["release"]
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    with pytest.raises(ReceiptMalformed):
        parse_statement(json.dumps(document).encode())
