"""A precondition holds, or nothing happens, and that is told in Cloud Storage's words."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions

from tests.emulator.storage.uploading import upload

CONDITIONS: list[tuple[str, int, type[Exception] | None]] = [
    ("if_generation_match", 0, None),
    ("if_generation_match", 1, exceptions.PreconditionFailed),
    ("if_generation_not_match", 1, None),
    ("if_metageneration_match", 0, None),
    ("if_metageneration_match", 1, exceptions.PreconditionFailed),
    ("if_metageneration_not_match", 1, None),
]


@pytest.mark.parametrize(("condition", "off", "failure"), CONDITIONS)
@pytest.mark.parametrize("action", ["reload", "download_as_bytes", "delete", "patch"])
def test_a_precondition_holds_or_nothing_happens(
    bucket: Any, action: str, condition: str, off: int, failure: type[Exception] | None
) -> None:
    blob = upload(bucket, "o")
    actual = blob.generation if "_generation" in condition else blob.metageneration
    call = getattr(blob, action)
    if failure is None:
        call(**{condition: actual + off})
    else:
        with pytest.raises(failure):
            call(**{condition: actual + off})
        assert bucket.get_blob("o").metageneration == 1


@pytest.mark.parametrize("condition", ["if_generation_not_match", "if_metageneration_not_match"])
@pytest.mark.parametrize(
    ("action", "failure"),
    [
        ("reload", exceptions.NotModified),
        ("download_as_bytes", exceptions.NotModified),
        ("delete", exceptions.PreconditionFailed),
        ("patch", exceptions.PreconditionFailed),
    ],
)
def test_what_the_client_already_has_is_not_sent_again(
    bucket: Any, condition: str, action: str, failure: type[Exception]
) -> None:
    blob = upload(bucket, "o")
    known = blob.generation if condition == "if_generation_not_match" else blob.metageneration
    with pytest.raises(failure):
        getattr(blob, action)(**{condition: known})


def test_a_failed_precondition_is_told_in_cloud_storages_words(bucket: Any) -> None:
    with pytest.raises(exceptions.PreconditionFailed) as failed:
        upload(bucket, "o").reload(if_generation_match=1)
    assert failed.value.response.json() == {
        "error": {
            "code": 412,
            "message": "At least one of the pre-conditions you specified did not hold.",
            "errors": [
                {
                    "message": "At least one of the pre-conditions you specified did not hold.",
                    "domain": "global",
                    "reason": "conditionNotMet",
                    "locationType": "header",
                    "location": "If-Match",
                }
            ],
        }
    }
