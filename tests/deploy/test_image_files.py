"""A file of an image is what the highest layer that speaks of it says."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from attestation.digests import digest_of
from attestation.errors import EvidenceRejected
from deploy.google_api import GoogleApi
from deploy.image_files import LayerTooLarge, read_file
from deploy.pulling import PublishedImage
from deploy.push import parse_image_reference
from tests.deploy.bases import layer

REFERENCE = parse_image_reference("us-docker.pkg.dev/primus/images/workload:v1")
PATH = "app/terms.toml"
LOW = layer({PATH: b"low", "app/other": b""})


def image(*layers: bytes, size: int = 0) -> PublishedImage:
    digest = digest_of(b"")
    described = tuple({"digest": digest_of(each), "size": size or len(each)} for each in layers)
    return PublishedImage(digest=digest, image_id=digest, layers=described)


@pytest.mark.parametrize(
    ("layers", "content"),
    [
        ([LOW], b"low"),
        ([gzip.compress(LOW)], b"low"),
        ([LOW, layer({PATH: b"high"})], b"high"),
        ([layer({f"./{PATH}": b"dotted"})], b"dotted"),
        ([LOW, layer(["app/another"])], b"low"),
        ([LOW, layer(["app/.wh.terms.toml"])], None),
        ([LOW, layer([".wh.app"])], None),
        ([LOW, layer(["app/.wh..wh..opq"])], None),
        ([layer(["etc/passwd"])], None),
        ([], None),
    ],
    ids=[
        "in the only layer",
        "compressed",
        "written anew",
        "with a dot before its path",
        "in a lower layer",
        "taken away",
        "taken away with its folder",
        "taken away with all of its folder",
        "nowhere",
        "without layers",
    ],
)
def test_a_file_is_what_the_highest_layer_says(
    api: GoogleApi, answering: Callable[..., None], layers: list[bytes], content: bytes | None
) -> None:
    answering(*reversed(layers))
    assert read_file(api, REFERENCE, image(*layers), PATH) == content


def test_a_large_layer_is_not_fetched(api: GoogleApi, google: Any) -> None:
    with pytest.raises(LayerTooLarge, match="200 MB"):
        read_file(api, REFERENCE, image(LOW, size=200_000_000), PATH)
    assert not google.asked


def test_a_layer_that_unpacks_to_far_more_is_left(
    api: GoogleApi, answering: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.image_files._MOST_UNPACKED", 1000)
    bomb = gzip.compress(layer({PATH: bytes(100_000)}))
    answering(bomb)
    with pytest.raises(LayerTooLarge):
        read_file(api, REFERENCE, image(bomb), PATH)


def test_another_layer_than_the_manifest_names_is_rejected(
    api: GoogleApi, answering: Callable[..., None]
) -> None:
    answering(b"another")
    with pytest.raises(EvidenceRejected):
        read_file(api, REFERENCE, image(LOW), PATH)
