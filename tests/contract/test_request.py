"""Where terms and request meet: what the operator may ask for, and how it is told what it may not."""

from __future__ import annotations

import pytest

from attestation.errors import ExitCode, Misconfigured
from contract.request import ResultRefused, agree, parse_request
from contract.terms import OwnerTerms, parse_terms
from contract.uris import FolderUri
from tests.contract.test_release_terms import RELEASED, SEALED
from tests.workload.samples import TERMS, terms_text

REQUEST = {"INPUT_URI": "gs://photos/june", "RESULT_URI": "gs://results", "TOP_K": "2", "BATCH_SIZE": "16"}


def test_a_request_within_the_terms_becomes_a_job() -> None:
    job = agree(parse_terms(terms_text()), parse_request(REQUEST))
    assert job.input == FolderUri(bucket="photos", prefix="june/")
    assert job.result == FolderUri(bucket="results", prefix="")
    assert (job.top_k, job.batch_size) == (2, 16)


def test_who_names_no_number_gets_as_many_classes_as_the_owner_allows_in_batches_that_are_fast() -> None:
    request = parse_request({name: REQUEST[name] for name in ("INPUT_URI", "RESULT_URI")})
    job = agree(parse_terms(terms_text()), request)
    assert (job.top_k, job.batch_size) == (3, None)


@pytest.mark.parametrize("top_k", ["0", "-1", "1000000", "abc", "", "1.0", " 1", "٣", "9" * 30])
def test_a_top_k_that_the_owner_cannot_give_is_refused_in_one_line_with_a_hint(top_k: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        agree(parse_terms(terms_text()), parse_request({**REQUEST, "TOP_K": top_k}))
    assert refused.value.message.startswith("TOP_K `")
    assert "\n" not in refused.value.message
    assert "tee-env-TOP_K" in refused.value.hint
    assert refused.value.exit_code == ExitCode.MISCONFIGURED


def test_the_largest_top_k_of_the_terms_is_in_the_hint() -> None:
    with pytest.raises(Misconfigured) as refused:
        agree(parse_terms(terms_text()), parse_request({**REQUEST, "TOP_K": "4"}))
    assert "at most 3" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INPUT_URI", None),
        ("INPUT_URI", ""),
        ("INPUT_URI", "photos"),
        ("INPUT_URI", "gs://"),
        ("INPUT_URI", "gs://UPPER/x"),
        ("INPUT_URI", "s3://photos"),
        ("RESULT_URI", None),
        ("RESULT_URI", "gs://results\n"),
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "1025"),
        ("BATCH_SIZE", "many"),
        ("LICENCE", ""),
        ("LICENCE", "0" * 31),
        ("LICENCE", "0" * 33),
        ("LICENCE", "A" * 32),
        ("LICENCE", "0" * 32 + "\n"),
    ],
)
def test_a_request_with_one_bad_variable_names_it(name: str, value: str | None) -> None:
    environment = {key: text for key, text in {**REQUEST, name: value}.items() if text is not None}
    with pytest.raises(Misconfigured) as refused:
        parse_request(environment)
    assert refused.value.message.startswith(name)
    assert "\n" not in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("text", ["gs://photos/june", "gs://photos/june/", "gs://photos/june//"])
def test_a_folder_is_named_with_or_without_its_closing_slash(text: str) -> None:
    assert parse_request({**REQUEST, "INPUT_URI": text}).input.prefix == "june/"


@pytest.mark.parametrize("name", ["INPUT_URI", "RESULT_URI"])
def test_a_folder_that_is_not_named_is_told_apart_from_one_that_is_named_wrong(name: str) -> None:
    for environment in ({**REQUEST, name: ""}, {key: REQUEST[key] for key in REQUEST if key != name}):
        with pytest.raises(Misconfigured, match=f"^{name} is not set$"):
            parse_request(environment)


def test_the_largest_numbers_are_taken_and_one_more_is_not() -> None:
    job = agree(parse_terms(terms_text()), parse_request({**REQUEST, "TOP_K": "3", "BATCH_SIZE": "1024"}))
    assert (job.top_k, job.batch_size) == (3, 1024)
    assert parse_request({**REQUEST, "TOP_K": "0999999999"}).top_k == 999_999_999
    with pytest.raises(Misconfigured, match="is not a whole number from 1 to 999999999"):
        parse_request({**REQUEST, "TOP_K": "1000000000"})


@pytest.mark.parametrize(
    ("input", "result"),
    [
        ("gs://photos", "gs://photos"),
        ("gs://photos/june", "gs://photos/june"),
        ("gs://photos/june", "gs://photos/june/results"),
        ("gs://photos", "gs://photos/results"),
        ("gs://photos/june", "gs://photos"),
    ],
)
def test_results_among_the_pictures_or_pictures_among_the_results_are_refused(
    input: str, result: str
) -> None:
    request = parse_request({"INPUT_URI": input, "RESULT_URI": result})
    with pytest.raises(ResultRefused, match="are one folder, or one is in the other") as refused:
        agree(parse_terms(terms_text()), request)
    assert "beside that of the pictures" in refused.value.hint


@pytest.mark.parametrize(
    ("input", "result"),
    [
        ("gs://photos/june", "gs://photos/june-results"),
        ("gs://photos/a", "gs://photos/b"),
        ("gs://a-b", "gs://a-c"),
    ],
)
def test_folders_beside_one_another_are_taken(input: str, result: str) -> None:
    request = parse_request({"INPUT_URI": input, "RESULT_URI": result})
    assert str(agree(parse_terms(terms_text()), request).result) == f"{result}/"


def test_nothing_is_written_to_the_owners_bucket_and_no_picture_read_from_it() -> None:
    terms = parse_terms(terms_text())
    with pytest.raises(ResultRefused, match=r"RESULT_URI `gs://primus-models/run/` is in the owner's bucket"):
        agree(terms, parse_request({**REQUEST, "RESULT_URI": "gs://primus-models/run"}))
    with pytest.raises(
        Misconfigured, match=r"INPUT_URI `gs://primus-models/` is in the owner's bucket"
    ) as refused:
        agree(terms, parse_request({**REQUEST, "INPUT_URI": "gs://primus-models"}))
    assert not isinstance(refused.value, ResultRefused)  # why, may be written to RESULT_URI


LICENCE = "0123456789abcdef" * 2


def test_a_licence_is_named_where_the_terms_name_a_broker() -> None:
    job = agree(RELEASED, parse_request({**REQUEST, "LICENCE": LICENCE}))
    assert job.licence == LICENCE
    with pytest.raises(
        Misconfigured, match=r"LICENCE is not set, and .* `https://broker.primus.example:8443`"
    ):
        agree(RELEASED, parse_request(REQUEST))


@pytest.mark.parametrize("terms", [TERMS, SEALED], ids=["as it lies", "by Cloud KMS"])
def test_a_licence_that_nobody_asks_for_is_refused(terms: OwnerTerms) -> None:
    assert agree(terms, parse_request(REQUEST)).licence is None
    with pytest.raises(Misconfigured, match="LICENCE is set, and the owner's terms name no broker"):
        agree(terms, parse_request({**REQUEST, "LICENCE": LICENCE}))
