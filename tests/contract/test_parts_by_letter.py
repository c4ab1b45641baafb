"""Parts to the letter: another implementation has to come to the same bytes, names and nonces."""

from __future__ import annotations

import hashlib

import pytest

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract import parts
from contract.parts import (
    InputLeaf,
    Part,
    count_parts,
    parse_part,
    part_name,
    part_range,
    render_part,
    rows_a_part,
)

JOB = Digest("sha256:" + "a" * 64)
ROWS = (b'{"format": 1, "image": "a.jpg"}\n', b'{"format": 1, "image": "b.jpg"}\n')
PART = Part(
    index=3,
    job=JOB,
    rows=ROWS,
    inputs=(
        InputLeaf(name="a.jpg", generation=2**60, sha256="0" * 64),
        InputLeaf(name="b.jpg", generation=2, sha256=None),
    ),
    token="a.b.c",
)


def test_a_tokens_audience_and_the_size_of_parts_are_fixed() -> None:
    assert (parts.AUDIENCE, parts.MOST_ROWS, parts.FEWEST_ROWS) == ("symbolon:part:v1", 960, 32)
    assert [rows_a_part(count) for count in (0, 1, 1_279, 1_280, 2_000, 19_199, 19_200, 10**7)] == [
        *(32, 32, 32, 64, 96, 928, 960, 960)
    ]
    assert [count_parts(count) for count in (1, 32, 33, 2_000)] == [1, 1, 2, 21]
    assert [part_range(0, 40), part_range(1, 40), part_range(20, 2_000)] == [
        *(range(32), range(32, 40), range(1_920, 2_000))
    ]
    assert [part_name(0), part_name(12_345), part_name(123_456)] == [
        *("result-00000.jsonl", "result-12345.jsonl", "result-123456.jsonl")
    ]


def test_a_nonce_is_the_digest_of_one_text() -> None:
    rows = hashlib.sha256(ROWS[0] + ROWS[1]).hexdigest()
    text = (
        '{"domain":"symbolon:part:v1","inputs":['
        f'{{"generation":"{2**60}","name":"a.jpg","sha256":"{"0" * 64}"}},'
        '{"generation":"2","name":"b.jpg","sha256":null}],'
        f'"job":"{JOB}","part":3,"rows":"sha256:{rows}"}}'
    )
    assert PART.nonce == hashlib.sha256(text.encode()).hexdigest()


def test_a_trailer_is_one_line_behind_the_rows() -> None:
    trailer = (
        f'{{"format": 1, "part": 3, "job": "{JOB}", "inputs": ['
        f'{{"name": "a.jpg", "generation": "{2**60}", "sha256": "{"0" * 64}"}}, '
        '{"name": "b.jpg", "generation": "2", "sha256": null}], "token": "a.b.c"}\n'
    )
    assert render_part(PART) == ROWS[0] + ROWS[1] + trailer.encode()


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b'"0000', b'"000'),
        (b'"0000', b'"g000'),
        (b'"token": "a.b.c"', b'"token": 1'),
        (b'"part": 3', b'"part": true'),
        (b'"name": "a.jpg"', b'"name": 1'),
        (b'"sha256": null', b'"sha256": 1'),
    ],
)
def test_a_value_of_another_kind_is_refused(written: bytes, instead: bytes) -> None:
    data = render_part(PART)
    assert written in data
    with pytest.raises(Misconfigured) as refused:
        parse_part(data.replace(written, instead, 1), where="result-00003.jsonl")
    assert refused.value.message == "`result-00003.jsonl` is not a part as this program writes it"
