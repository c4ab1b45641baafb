"""`job.json`: one digest for one job, to the letter, since every start of any version has to come to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract import job
from contract.job import JobRecord, LeftOut, ListedPicture, is_picture, job_nonce, parse_job, render_job
from contract.uris import FolderUri

FOLDER = FolderUri(bucket="results", prefix="run/")
JOB = JobRecord(
    image_digest=Digest("sha256:" + "1" * 64),
    terms_digest=Digest("sha256:" + "2" * 64),
    input=FolderUri(bucket="photos", prefix="june/"),
    result=FOLDER,
    top_k=5,
    pictures=(
        ListedPicture(name="june/a.jpg", generation=2**62 + 1, size=10),
        ListedPicture(name="june/😀.png", generation=2, size=9_000_000, crc32c="AAAAAA=="),
        ListedPicture(name="june/zipped.png", generation=3, size=7, is_gzipped=True),
    ),
    left_out=LeftOut(placeholders=1, other_names=3),
)


def test_a_job_is_read_as_it_was_written() -> None:
    written = render_job(JOB, token="a.b.c")
    assert parse_job(written, folder=FOLDER) == (JOB, "a.b.c")
    document = json.loads(written)
    assert document["listing"]["pictures"][0]["generation"] == str(2**62 + 1)
    assert document["request"] == {"input": "gs://photos/june/", "result": "gs://results/run/", "top_k": 5}
    assert "batch_size" not in document["request"]


OTHERS = [
    replace(JOB, image_digest=Digest("sha256:" + "3" * 64)),
    replace(JOB, terms_digest=Digest("sha256:" + "3" * 64)),
    replace(JOB, input=FolderUri(bucket="photos", prefix="")),
    replace(JOB, result=FolderUri(bucket="results", prefix="")),
    replace(JOB, top_k=4),
    replace(JOB, pictures=JOB.pictures[:1]),
    replace(JOB, pictures=JOB.pictures[::-1]),
    replace(JOB, pictures=(replace(JOB.pictures[0], generation=2**62 + 2), JOB.pictures[1])),
    replace(JOB, pictures=(replace(JOB.pictures[0], size=11), JOB.pictures[1])),
    replace(JOB, left_out=LeftOut(placeholders=3, other_names=1)),
]


def test_every_member_changes_the_job_digest_and_the_nonce() -> None:
    digests = [job.digest for job in [JOB, *OTHERS]]
    assert len(set(digests)) == len(digests)
    assert len({job_nonce(digest) for digest in digests}) == len(digests)
    assert job_nonce(JOB.digest) != JOB.digest.removeprefix("sha256:")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda said: said.pop("token"), id="no token"),
        pytest.param(lambda said: said.pop("listing"), id="no listing"),
        pytest.param(lambda said: said.update(surprise=1), id="a member more"),
        pytest.param(lambda said: said.update(image_digest="1"), id="no digest"),
        pytest.param(lambda said: said["request"].update(top_k="5"), id="a number that is text"),
        pytest.param(lambda said: said["request"].update(input="photos"), id="no folder"),
        pytest.param(lambda said: said["listing"].update(pictures={"a": 1}), id="pictures that are no list"),
        pytest.param(lambda said: said["listing"]["pictures"][0].update(size=10), id="a size of JSON"),
        pytest.param(lambda said: said["listing"].update(left_out=[]), id="nothing left out"),
    ],
)
def test_what_is_no_job_is_refused_with_what_to_do(spoil: Callable[[dict[str, Any]], object]) -> None:
    said = json.loads(render_job(JOB, token="a.b.c"))
    spoil(said)
    with pytest.raises(Misconfigured, match=r"`job\.json` is not as this program writes it") as refused:
        parse_job(json.dumps(said).encode(), folder=FOLDER)
    assert "`symbolon operator results clear gs://results/run/`" in refused.value.hint


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"format": 1, "format": 1}', b"[" * 100_000])
def test_what_is_no_document_is_refused_alike(data: bytes) -> None:
    with pytest.raises(Misconfigured, match=r"`job\.json` is not as this program writes it"):
        parse_job(data, folder=FOLDER)


def test_a_job_of_another_format_is_refused_as_such() -> None:
    data = render_job(JOB, token="a.b.c").replace(b'"format":1', b'"format":2')
    with pytest.raises(Misconfigured, match=r"`format` in `job\.json` is `2`; this program reads 1 alone"):
        parse_job(data, folder=FOLDER)


PLAIN = replace(
    JOB,
    pictures=(
        ListedPicture(name="a.jpg", generation=2**62, size=10),
        ListedPicture(name="b.jpg", generation=2, size=9_000_000, crc32c="AAAAAA=="),
    ),
)
LISTING = (
    '"listing":{"left_out":{"other_names":"3","placeholders":"1"},"pictures":['
    f'{{"generation":"{2**62}","name":"a.jpg","size":"10"}},'
    '{"crc32c":"AAAAAA==","generation":"2","name":"b.jpg","size":"9000000"}]}'
)
REQUEST = '"request":{"input":"gs://photos/june/","result":"gs://results/run/","top_k":5}'
IMAGE, TERMS = f'"image_digest":"sha256:{"1" * 64}"', f'"terms_digest":"sha256:{"2" * 64}"'


def test_the_job_digest_and_its_nonce_are_digests_of_one_text_each() -> None:
    text = f'{{"domain":"symbolon:job:v1",{IMAGE},{LISTING},{REQUEST},{TERMS}}}'
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert digest == PLAIN.digest
    nonce = f'{{"domain":"symbolon:job:v1","job":"{digest}"}}'
    assert job_nonce(PLAIN.digest) == hashlib.sha256(nonce.encode()).hexdigest()


def test_a_job_is_written_as_one_line() -> None:
    text = f'{{"format":1,{IMAGE},{LISTING},{REQUEST},{TERMS},"token":"a.b.c"}}\n'
    assert render_job(PLAIN, token="a.b.c").decode() == text
    assert job.NAME == "job.json"


def test_nothing_is_left_out_of_a_listing_that_does_not_say_so() -> None:
    assert (LeftOut().placeholders, LeftOut().other_names) == (0, 0)
    assert ListedPicture(name="a", generation=1, size=1).crc32c == ""


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".JPG"])
def test_a_picture_is_told_by_the_end_of_its_name(suffix: str) -> None:
    assert is_picture(f"june/cat{suffix}")
    assert not is_picture(f"june/cat{suffix}x")


def test_whether_a_picture_is_gzipped_is_said_by_true_alone() -> None:
    text = render_job(JOB, token="a.b.c")
    assert b'"is_gzipped":true' in text
    with pytest.raises(Misconfigured, match="not as this program writes it"):
        parse_job(text.replace(b'"is_gzipped":true', b'"is_gzipped":1'), folder=FOLDER)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"top_k":5', '"top_k":true'),
        ('"name":"a.jpg"', '"name":1'),
        ('"crc32c":"AAAAAA=="', '"crc32c":1'),
        ('"token":"a.b.c"', '"token":1'),
        ('"terms_digest"', '"terms"'),
    ],
)
def test_a_value_of_another_kind_is_refused(written: str, instead: str) -> None:
    text = render_job(PLAIN, token="a.b.c").decode()
    assert written in text
    with pytest.raises(Misconfigured) as refused:
        parse_job(text.replace(written, instead, 1).encode(), folder=FOLDER)
    assert refused.value.message == "`job.json` is not as this program writes it"
