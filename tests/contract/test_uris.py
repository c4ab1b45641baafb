"""The `gs://` names that are taken, and what is said of any other."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from contract.uris import ObjectUri, parse_folder_uri, parse_object_uri


@pytest.mark.parametrize("text", ["gs://models/m.tar.gz", "gs://a.b-c_d/x/y z", "gs://models/ä"])
def test_the_name_of_an_object_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_object_uri(text, where="model.uri")) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "models/m",
        "https://models/m",
        "gs://models",
        "gs://models/",
        "gs://M/m",
        "gs://models/a\nb",
        "gs://m/m",
    ],
)
def test_what_names_no_object_is_refused_with_its_setting(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"model\.uri `.*` names no object"):
        parse_object_uri(text, where="model.uri")


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("gs://photos", ""),
        ("gs://photos/", ""),
        ("gs://photos/june", "june/"),
        ("gs://photos/june//", "june/"),
    ],
)
def test_a_folder_ends_in_one_slash_or_is_the_whole_bucket(text: str, prefix: str) -> None:
    assert parse_folder_uri(text, where="INPUT_URI").prefix == prefix


@pytest.mark.parametrize("text", ["", "photos", "gs://", "gs:///june", "gs://photos/a\rb"])
def test_what_names_no_bucket_is_refused_with_its_setting(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"INPUT_URI `.*` names no bucket"):
        parse_folder_uri(text, where="INPUT_URI")


def test_an_object_is_its_bucket_and_its_name() -> None:
    assert parse_object_uri("gs://models/a/b", where="x") == ObjectUri(bucket="models", name="a/b")
