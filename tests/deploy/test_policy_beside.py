"""The policy beside an image: put there, moved, read, and never taken for another image's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured
from deploy.google_api import GoogleApi
from deploy.policy_beside import ARTIFACT, get_policy, put_policy
from deploy.push import parse_image_reference

Answering = Callable[..., None]
IMAGE = Digest("sha256:" + "a" * 64)
REFERENCE = parse_image_reference("us-docker.pkg.dev/primus/images/workload:v1")
TEXT = "[provider]\n"


def artifact(**change: Any) -> bytes:
    document = {
        "artifactType": ARTIFACT,
        "layers": [{"digest": digest_of(TEXT.encode())}],
        "subject": {"digest": IMAGE},
        **change,
    }
    return json.dumps(document).encode()


def test_nothing_beside_the_image_is_no_policy(api: GoogleApi, answering: Answering, google: Any) -> None:
    answering((404, {"errors": [{"message": "gone"}]}))
    assert get_policy(api, REFERENCE, IMAGE) is None
    assert google.asked == [
        f"GET https://us-docker.pkg.dev/v2/primus/images/workload/manifests/sha256-{'a' * 64}.policy"
    ]


def test_a_repository_whose_tags_stay_leaves_the_image_there_and_says_so(
    api: GoogleApi, answering: Answering
) -> None:
    served = b'{"mediaType": "application/x"}'
    there = (200, b"")
    answering(served, there, there, (400, {"errors": [{"message": "tags are immutable"}]}))
    with pytest.raises(Misconfigured, match="tags are immutable") as caught:
        put_policy(api, REFERENCE, digest_of(served), TEXT)
    assert caught.value.hint.startswith("the image is there, and its policy is not beside it")


def test_what_is_put_names_the_image_as_its_subject(
    api: GoogleApi, answering: Answering, google: Any
) -> None:
    served = b'{"mediaType": "application/x"}'
    there = (200, b"")
    answering(served, there, there, (201, b""), (200, b""))
    with pytest.raises(EvidenceRejected):  # what is served then is not what was put
        put_policy(api, REFERENCE, digest_of(served), TEXT)
    put = google.sent[3]
    document = json.loads(put.body)
    assert put.url.endswith(f"/manifests/sha256-{digest_of(served)[7:]}.policy")
    assert document["subject"] == {
        "mediaType": "application/x",
        "digest": digest_of(served),
        "size": len(served),
    }
    assert (document["artifactType"], document["layers"][0]["digest"]) == (ARTIFACT, digest_of(TEXT.encode()))


def test_what_lies_there_is_read(api: GoogleApi, answering: Answering) -> None:
    answering(artifact(), TEXT.encode())
    assert get_policy(api, REFERENCE, IMAGE) == TEXT


@pytest.mark.parametrize(
    "change",
    [
        {"subject": {"digest": "sha256:" + "b" * 64}},
        {"subject": None},
        {"artifactType": "application/x"},
        {"layers": []},
        {"layers": [{"digest": "x"}]},
        {"layers": [{"digest": digest_of(b"\xff")}]},
    ],
    ids=["of another image", "of none", "something else", "without a text", "of no digest", "of no text"],
)
def test_what_is_no_policy_of_that_image_is_said(
    api: GoogleApi, answering: Answering, change: dict[str, Any]
) -> None:
    answering(artifact(**change), b"\xff")
    with pytest.raises(Misconfigured) as caught:
        get_policy(api, REFERENCE, IMAGE)
    assert caught.value.hint


def test_another_text_than_the_artifact_names_is_rejected(api: GoogleApi, answering: Answering) -> None:
    answering(artifact(), b"another")
    with pytest.raises(EvidenceRejected):
        get_policy(api, REFERENCE, IMAGE)
