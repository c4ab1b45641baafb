"""The parts of a job: where each begins and ends, what its token has to say, and what is no part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract.parts import (
    MOST_ROWS,
    InputLeaf,
    Part,
    count_parts,
    parse_part,
    parse_part_name,
    part_name,
    part_nonce,
    part_range,
    render_leaf,
    render_part,
    rows_a_part,
)

PART = Part(
    index=3,
    job=Digest("sha256:" + "a" * 64),
    rows=(b'{"format": 1, "image": "a.jpg"}\n', b'{"format": 1, "image": "b.jpg"}\n'),
    inputs=(
        InputLeaf(name="a.jpg", generation=2**60, sha256="0" * 64),
        InputLeaf(name="b.jpg", generation=2, sha256=None),
    ),
    token="a.b.c",
)


@given(st.integers(1, 3_000_000))
def test_parts_hold_every_picture_once_and_in_order(pictures: int) -> None:
    ranges = [part_range(index, pictures) for index in range(count_parts(pictures))]
    assert ranges[0].start == 0
    assert ranges[-1].stop == pictures
    assert all(one.stop == following.start for one, following in pairwise(ranges))
    assert all(1 <= len(each) <= MOST_ROWS for each in ranges)
    assert all(len(each) == rows_a_part(pictures) for each in ranges[:-1])


@pytest.mark.parametrize("pictures", [2_000, 2_001, 9_999, 100_000])
def test_a_large_job_has_at_least_twenty_parts(pictures: int) -> None:
    assert count_parts(pictures) >= 20


def test_a_part_is_read_as_it_was_written() -> None:
    written = render_part(PART)
    assert parse_part(written, where="it") == PART
    assert written.startswith(PART.rows[0] + PART.rows[1])
    trailer = json.loads(written.splitlines()[-1])
    assert trailer["inputs"][0] == {"name": "a.jpg", "generation": str(2**60), "sha256": "0" * 64}


def test_a_leaf_is_digested_as_one_text() -> None:
    assert render_leaf(PART.inputs[1]) == b'{"generation":"2","name":"b.jpg","sha256":null}'


OTHER = [
    replace(PART, index=4),
    replace(PART, job=Digest("sha256:" + "b" * 64)),
    replace(PART, rows=PART.rows[::-1]),
    replace(PART, rows=(PART.rows[0], PART.rows[1].replace(b" ", b""))),
    replace(PART, inputs=PART.inputs[::-1]),
    replace(PART, inputs=(replace(PART.inputs[0], sha256="1" * 64), PART.inputs[1])),
    replace(PART, inputs=(replace(PART.inputs[0], generation=1), PART.inputs[1])),
    replace(PART, inputs=(replace(PART.inputs[0], name="c.jpg"), PART.inputs[1])),
]


def test_every_member_of_a_part_but_its_token_changes_the_nonce() -> None:
    nonces = [part.nonce for part in [PART, *OTHER]]
    assert len(set(nonces)) == len(nonces)
    assert replace(PART, token="x.y.z").nonce == PART.nonce
    assert PART.nonce == part_nonce(PART.job, 3, PART.inputs, PART.rows)
    assert len(PART.nonce) == 64
    assert int(PART.nonce, 16)


@pytest.mark.parametrize(
    "name", ["result", "result-7.jsonl", "result-000007.jsonl", "result-0000x.jsonl", ""]
)
def test_a_name_that_no_part_has_is_none(name: str) -> None:
    assert parse_part_name(name) is None


@given(st.integers(0, 10**7))
def test_a_parts_name_is_read_as_it_was_written(index: int) -> None:
    assert parse_part_name(part_name(index)) == index


Trailer = dict[str, Any]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda trailer: trailer.pop("part"), id="no part"),
        pytest.param(lambda trailer: trailer.update(part="3"), id="a part that is text"),
        pytest.param(lambda trailer: trailer.update(job="abc"), id="no job digest"),
        pytest.param(lambda trailer: trailer.update(token=None), id="no token"),
        pytest.param(lambda trailer: trailer.update(inputs={}), id="inputs that are no list"),
        pytest.param(lambda trailer: trailer["inputs"].pop(), id="a leaf too few"),
        pytest.param(lambda trailer: trailer["inputs"][0].update(sha256="xyz"), id="a leaf without a digest"),
        pytest.param(lambda trailer: trailer["inputs"][0].update(generation=1), id="a number of JSON"),
        pytest.param(lambda trailer: trailer["inputs"].__setitem__(0, "a.jpg"), id="a leaf that is text"),
    ],
)
def test_a_trailer_that_is_not_ours_is_refused_by_its_parts_name(
    spoil: Callable[[Trailer], object],
) -> None:
    lines = render_part(PART).splitlines(keepends=True)
    trailer = json.loads(lines[-1])
    spoil(trailer)
    data = b"".join(lines[:-1]) + json.dumps(trailer).encode() + b"\n"
    with pytest.raises(Misconfigured, match=r"`result-00003\.jsonl` is not a part") as refused:
        parse_part(data, where="result-00003.jsonl")
    assert refused.value.hint


@pytest.mark.parametrize("data", [b"", b"\n", b"{}", b"\xff\n", render_part(PART)[:-1], b"".join(PART.rows)])
def test_what_has_no_trailer_is_no_part(data: bytes) -> None:
    with pytest.raises(Misconfigured, match="`it` is not a part"):
        parse_part(data, where="it")


def test_a_part_of_another_format_is_refused_as_such() -> None:
    data = render_part(PART).replace(b'{"format": 1, "part"', b'{"format": 2, "part"')
    with pytest.raises(Misconfigured, match="`format` in the trailer of `it` is `2`"):
        parse_part(data, where="it")
