"""The `gs://` names that are taken, and what is said of any other."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from contract.uris import FolderUri, ObjectUri, parse_folder_uri, parse_object_uri


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
        ("gs://photos/june/X", "june/X/"),
    ],
)
def test_a_folder_ends_in_one_slash_or_is_the_whole_bucket(text: str, prefix: str) -> None:
    folder = parse_folder_uri(text, where="INPUT_URI")
    assert folder == FolderUri(bucket="photos", prefix=prefix)
    assert str(folder) == f"gs://photos/{prefix}"


@pytest.mark.parametrize("text", ["", "photos", "gs://", "gs:///june", "gs://photos/a\rb"])
def test_what_names_no_bucket_is_refused_with_its_setting(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"INPUT_URI `.*` names no bucket"):
        parse_folder_uri(text, where="INPUT_URI")


def test_an_object_is_its_bucket_and_its_name() -> None:
    assert parse_object_uri("gs://models/a/b", where="x") == ObjectUri(bucket="models", name="a/b")


def test_a_name_is_taken_up_to_the_length_that_cloud_storage_allows() -> None:
    longest = "gs://" + "b" * 222 + "/"
    assert parse_object_uri(longest + "o" * 1024, where="x").name == "o" * 1024
    assert parse_folder_uri(longest + "f" * 900, where="x").prefix == "f" * 900 + "/"
    for too_long in ("gs://" + "b" * 223 + "/o", longest + "o" * 1025):
        with pytest.raises(Misconfigured, match="names no object"):
            parse_object_uri(too_long, where="x")
    for too_long in ("gs://" + "b" * 223, longest + "f" * 901):
        with pytest.raises(Misconfigured, match="names no bucket"):
            parse_folder_uri(too_long, where="x")


def test_a_name_that_ends_in_a_slash_is_no_object() -> None:
    with pytest.raises(Misconfigured, match="names no object"):
        parse_object_uri("gs://models/folder/", where="x")
