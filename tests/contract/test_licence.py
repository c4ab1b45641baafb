"""A licence is read as the owner signed it; one that says too little, or anything else, is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from attestation.digests import digest_of
from attestation.errors import SymbolonError
from contract.canonical import render_canonical
from contract.dsse import EnvelopeMalformed, public_key_of, sign_envelope
from contract.licence import (
    DEFAULT_LEASE_S,
    MOST_BYTES,
    PAYLOAD_TYPE,
    Holder,
    LicenceFormatUnknown,
    LicenceMalformed,
    LicenceSignedByAnother,
    next_of,
    open_licence,
    parse_licence,
    render_licence,
    sign_licence,
    unsafe_read_licence,
)
from tests.orders import FIRST, IMAGE, LICENCE, NOW, SECOND, STRANGER, licence

KEYS = tuple(map(public_key_of, (FIRST, SECOND)))
SIGNED = sign_licence(LICENCE, FIRST)
DOCUMENT = json.loads(render_licence(LICENCE))
WIDEST = licence(
    images=(),
    policy=digest_of(b"a policy"),
    ends_at=None,
    runs=None,
    pictures=None,
    at_once=None,
    holder=Holder(projects=("secundus",)),
)


AT_THE_BOUNDS = [
    licence(lease_s=60),
    licence(lease_s=86_400),
    licence(model_id="a"),
    licence(model_id="a" * 300),
    licence(images=tuple(sorted(digest_of(bytes([number])) for number in range(100)))),
]


@pytest.mark.parametrize("each", [LICENCE, WIDEST, licence(versions=(2, 2), runs=0), *AT_THE_BOUNDS])
@pytest.mark.parametrize("key", [FIRST, SECOND])
def test_a_licence_is_read_as_the_owner_signed_it(each: Any, key: Any) -> None:
    data = sign_licence(each, key)
    assert open_licence(data, signed_by=KEYS) == each
    assert unsafe_read_licence(data) == each


def test_the_next_one_is_the_same_but_for_its_serial() -> None:
    later = next_of(LICENCE, issued_at=NOW + 1)
    assert (later.serial, later.issued_at) == (2, NOW + 1)
    assert replace(later, serial=1, issued_at=NOW) == LICENCE


def test_a_licence_of_none_of_the_keys_is_refused() -> None:
    with pytest.raises(LicenceSignedByAnother):
        open_licence(sign_licence(LICENCE, STRANGER), signed_by=KEYS)
    with pytest.raises(LicenceSignedByAnother):
        open_licence(SIGNED, signed_by=())
    with pytest.raises(EnvelopeMalformed, match="is a signed"):
        other = sign_envelope(render_licence(LICENCE), payload_type="another", key=FIRST)
        open_licence(other, signed_by=KEYS)


def test_no_byte_of_a_signed_licence_can_be_another() -> None:
    for at in range(len(SIGNED)):
        for bit in range(8):
            changed = bytearray(SIGNED)
            changed[at] ^= 1 << bit
            with pytest.raises(SymbolonError):
                open_licence(bytes(changed), signed_by=KEYS)


def test_a_licence_of_a_format_to_come_is_refused_with_a_sentence() -> None:
    for found in (2, "1", True, None):
        with pytest.raises(
            LicenceFormatUnknown,
            match=r"^`format` (in the licence is `.*`|is missing in the licence); this program reads 1 alone",
        ):
            parse_licence(render_canonical({**DOCUMENT, "format": found}))


WRONG: dict[str, dict[str, Any]] = {
    "its name is short": {"id": "0" * 31},
    "its name has capitals": {"id": "A" * 32},
    "its serials count from one": {"serial": 0},
    "its serial is a text": {"serial": "1"},
    "it is for no model": {"model": {"id": "", "first": 1, "last": None}},
    "it is for a model without versions": {"model": {"id": "lite0.tar"}},
    "it is for a model that is a text": {"model": "lite0.tar"},
    "its model's name is too long": {"model": {"id": "a" * 301, "first": 1, "last": None}},
    "its holder is a text": {"holder": "secundus"},
    "its model says more": {"model": {**DOCUMENT["model"], "more": 1}},
    "its versions begin at one": {"model": {"id": "lite0.tar", "first": 0, "last": None}},
    "its versions run backwards": {"model": {"id": "lite0.tar", "first": 2, "last": 1}},
    "it is nobody's": {"holder": {"projects": [], "service_accounts": []}},
    "its holder is no list": {"holder": {"projects": "secundus", "service_accounts": []}},
    "its holder is no account": {"holder": {"projects": [], "service_accounts": ["run"]}},
    "its project is none": {"holder": {"projects": ["Secundus"], "service_accounts": []}},
    "its holder stands twice": {"holder": {"projects": ["secundus"] * 2, "service_accounts": []}},
    "it names neither image nor policy": {"images": [], "policy": None},
    "its image is no digest": {"images": ["latest"]},
    "its images are not sorted": {"images": sorted([IMAGE, digest_of(b"b")], reverse=True)},
    "its images are too many": {"images": sorted(digest_of(bytes([n])) for n in range(101))},
    "its policy is no digest": {"policy": "mine"},
    "its evidence is of another kind": {"evidence": "none"},
    "it ends as it begins": {"ends_at": str(NOW)},
    "its end is a number": {"ends_at": NOW + 1},
    "its runs are a number": {"runs": 3},
    "its runs are negative": {"runs": "-1"},
    "its pictures have a zero before": {"pictures": "01"},
    "it is for no machine at all": {"at_once": "0"},
    "its lease is too short": {"lease_s": "59"},
    "its lease is too long": {"lease_s": "86401"},
    "its lease is none": {"lease_s": None},
    "its secret is short": {"secret": "00" * 31},
    "its secret has capitals": {"secret": "AB" * 32},
    "it says more": {"more": 1},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_licence_that_says_it_otherwise_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(LicenceMalformed):
        parse_licence(render_canonical({**DOCUMENT, **change}))


@pytest.mark.parametrize("name", sorted(DOCUMENT.keys() - {"format"}))
def test_a_licence_that_leaves_something_out_is_malformed(name: str) -> None:
    with pytest.raises(LicenceMalformed):
        parse_licence(render_canonical({each: DOCUMENT[each] for each in DOCUMENT if each != name}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        render_licence(LICENCE) + b"\n",
        json.dumps(DOCUMENT).encode(),
        b" " * (MOST_BYTES + 1),
    ],
)
def test_any_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(LicenceMalformed):
        parse_licence(data)


@pytest.mark.parametrize("change", [{"holder": Holder()}, {"images": ()}, {"id": "mine"}, {"lease_s": 1}])
def test_what_would_not_be_read_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(LicenceMalformed):
        sign_licence(licence(**change), FIRST)


def test_what_is_wrong_has_its_code_and_its_words() -> None:
    def said(read: Callable[[], object]) -> tuple[str, str]:
        with pytest.raises(SymbolonError) as refused:
            read()
        return refused.value.code, refused.value.message

    malformed = "licence-malformed"
    assert said(lambda: parse_licence(b"{")) == (malformed, "the licence is not JSON")
    too_large = b" " * (MOST_BYTES + 1)
    assert said(lambda: parse_licence(too_large)) == (malformed, "the licence is larger than 131072 bytes")
    assert said(lambda: parse_licence(too_large[1:])) == (malformed, "the licence is not JSON")
    unknown = render_canonical({**DOCUMENT, "format": 2})
    assert said(lambda: parse_licence(unknown))[0] == "licence-format-unknown"
    assert said(lambda: open_licence(SIGNED, signed_by=()))[0] == "licence-signed-by-another"
    for read in (unsafe_read_licence, partial(open_licence, signed_by=KEYS)):
        code, message = said(lambda read=read: read(b"{}"))  # type: ignore[misc]
        assert (code, message.split(" is ")[0]) == ("envelope-malformed", "the licence")


def test_what_an_owner_signs_is_as_brokers_know_it() -> None:
    assert PAYLOAD_TYPE == "application/vnd.symbolon.licence+json"
    assert json.loads(SIGNED)["payloadType"] == PAYLOAD_TYPE
    assert DOCUMENT["evidence"] == "confidential-space"
    assert DEFAULT_LEASE_S == 3_600


def test_its_secret_is_not_shown() -> None:
    assert LICENCE.secret.hex() not in repr(LICENCE)
    assert str(LICENCE.secret) not in repr(LICENCE)
