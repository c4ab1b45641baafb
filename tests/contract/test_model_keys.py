"""A model's key is for one broker, one model and one version, and its body has one text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from attestation.digests import digest_of
from contract.canonical import render_canonical
from contract.model_keys import (
    ModelKeyFormatUnknown,
    ModelKeyMalformed,
    open_model_key,
    parse_model_key,
    render_model_key,
    seal_model_key,
)
from tests.orders import BROKER

INTAKE = X25519PrivateKey.from_private_bytes(b"\x05" * 32)
PUBLIC = INTAKE.public_key().public_bytes_raw()
KEY = bytes(range(32))
MODEL = seal_model_key(
    KEY, intake=PUBLIC, broker=BROKER, manifest=digest_of(b"m"), model_id="lite0.tar", version=3
)
DOCUMENT = json.loads(render_model_key(MODEL))


def test_a_key_opens_for_the_broker_that_it_was_sealed_for() -> None:
    read = parse_model_key(render_model_key(MODEL))
    assert read == MODEL
    assert open_model_key(read, INTAKE, broker=BROKER) == KEY


OTHERS = {
    "it is for another manifest": replace(MODEL, manifest=digest_of(b"n")),
    "it is for another model": replace(MODEL, model_id="lite1.tar"),
    "it is for another version": replace(MODEL, version=4),
    "it was altered": replace(MODEL, sealed=MODEL.sealed[:-1] + bytes([MODEL.sealed[-1] ^ 1])),
    "it was cut": replace(MODEL, sealed=MODEL.sealed[:20]),
    "it is nothing": replace(MODEL, sealed=b""),
    "it is no data key": seal_model_key(
        KEY[:16],
        intake=PUBLIC,
        broker=BROKER,
        manifest=MODEL.manifest,
        model_id=MODEL.model_id,
        version=MODEL.version,
    ),
}


@pytest.mark.parametrize("model", OTHERS.values(), ids=OTHERS)
def test_a_key_opens_for_nothing_else(model: object) -> None:
    with pytest.raises(ModelKeyMalformed, match="does not open here"):
        open_model_key(model, INTAKE, broker=BROKER)  # type: ignore[arg-type]


def test_a_key_opens_for_no_other_broker() -> None:
    with pytest.raises(ModelKeyMalformed):
        open_model_key(MODEL, INTAKE, broker=digest_of(b"another"))
    with pytest.raises(ModelKeyMalformed):
        open_model_key(MODEL, X25519PrivateKey.generate(), broker=BROKER)


@pytest.mark.parametrize("intake", [b"", bytes(31), bytes(32)])
def test_nothing_is_sealed_to_what_is_no_intake_key(intake: bytes) -> None:
    with pytest.raises(ModelKeyMalformed, match="intake key"):
        seal_model_key(KEY, intake=intake, broker=BROKER, manifest=MODEL.manifest, model_id="m", version=1)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        render_canonical({**DOCUMENT, "more": 1}),
        render_canonical({**DOCUMENT, "manifest": "none"}),
        render_canonical({**DOCUMENT, "model": None}),
        render_canonical({**DOCUMENT, "model": {"id": "", "version": 1}}),
        render_canonical({**DOCUMENT, "model": {"id": "m", "version": 0}}),
        render_canonical({**DOCUMENT, "model": {"id": "m", "version": "1"}}),
        render_canonical({**DOCUMENT, "sealed": "AAB="}),
        render_model_key(MODEL) + b"\n",
        render_model_key(replace(MODEL, sealed=bytes(4096))),
    ],
)
def test_what_this_program_does_not_write_is_malformed(body: bytes) -> None:
    with pytest.raises(ModelKeyMalformed):
        parse_model_key(body)


def test_a_key_of_a_format_to_come_is_refused_with_a_sentence() -> None:
    with pytest.raises(ModelKeyFormatUnknown, match="`format` in the model's key is `2`"):
        parse_model_key(render_canonical({**DOCUMENT, "format": 2}))


def test_neither_the_key_nor_what_it_was_sealed_to_is_shown() -> None:
    assert "sealed" not in repr(MODEL)


def test_the_body_says_its_format_and_what_the_key_was_sealed_for_is_fixed() -> None:
    """By RFC 9180's own words: a broker of another version opens it as well."""
    info = (
        f'{{"broker":"{BROKER}","manifest":"{MODEL.manifest}",'
        '"model":{"id":"lite0.tar","version":3},"use":"symbolon:intake:v1"}'
    )
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    assert suite.decrypt(MODEL.sealed, INTAKE, info.encode()) == KEY
    assert DOCUMENT["format"] == 1


def test_a_name_has_at_most_three_hundred_characters_and_the_first_version_is_one() -> None:
    for model in (replace(MODEL, model_id="m", version=1), replace(MODEL, model_id="m" * 300)):
        assert parse_model_key(render_model_key(model)) == model
    with pytest.raises(ModelKeyMalformed):
        parse_model_key(render_model_key(replace(MODEL, model_id="m" * 301)))


def test_a_body_has_at_most_4096_bytes() -> None:
    def of_size(size: int) -> bytes:
        model = replace(MODEL, model_id="m", sealed=bytes(2850))
        return render_model_key(replace(model, model_id="m" * (1 + size - len(render_model_key(model)))))

    assert len(of_size(4096)) == 4096
    assert render_model_key(parse_model_key(of_size(4096))) == of_size(4096)
    with pytest.raises(ModelKeyMalformed):
        parse_model_key(of_size(4097))


def test_each_rejection_has_its_code() -> None:
    assert ModelKeyMalformed.code == "model-key-malformed"
    assert ModelKeyFormatUnknown.code == "model-key-format-unknown"
