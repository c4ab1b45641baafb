"""`job.json` to the letter: every start, of any version, has to come to the same digests."""

from __future__ import annotations

import hashlib

import pytest

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract import job
from contract.job import JobRecord, LeftOut, ListedPicture, job_nonce, parse_job, render_job
from contract.uris import FolderUri

FOLDER = FolderUri(bucket="results", prefix="run/")
JOB = JobRecord(
    image_digest=Digest("sha256:" + "1" * 64),
    terms_digest=Digest("sha256:" + "2" * 64),
    input=FolderUri(bucket="photos", prefix="june/"),
    result=FOLDER,
    top_k=5,
    pictures=(
        ListedPicture(name="a.jpg", generation=2**62, size=10),
        ListedPicture(name="b.jpg", generation=2, size=9_000_000, crc32c="AAAAAA=="),
    ),
    left_out=LeftOut(placeholders=1, other_names=3),
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
    assert digest == JOB.digest
    nonce = f'{{"domain":"symbolon:job:v1","job":"{digest}"}}'
    assert job_nonce(JOB.digest) == hashlib.sha256(nonce.encode()).hexdigest()


def test_a_job_is_written_as_one_line() -> None:
    text = f'{{"format":1,{IMAGE},{LISTING},{REQUEST},{TERMS},"token":"a.b.c"}}\n'
    assert render_job(JOB, token="a.b.c").decode() == text
    assert job.NAME == "job.json"


def test_nothing_is_left_out_of_a_listing_that_does_not_say_so() -> None:
    assert (LeftOut().placeholders, LeftOut().other_names) == (0, 0)
    assert ListedPicture(name="a", generation=1, size=1).crc32c == ""


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
    text = render_job(JOB, token="a.b.c").decode()
    assert written in text
    with pytest.raises(Misconfigured) as refused:
        parse_job(text.replace(written, instead, 1).encode(), folder=FOLDER)
    assert refused.value.message == "`job.json` is not as this program writes it"
