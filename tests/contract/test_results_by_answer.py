"""What the operator is given, to the letter: other programs read it, and so did the codelab's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from attestation.errors import Misconfigured
from contract.results import (
    JobError,
    PictureError,
    Prediction,
    Row,
    parse_error,
    parse_row,
    parse_timings,
    render_codelab_line,
    render_error,
    render_row,
)

CAT = Row(
    picture="cat.jpg",
    generation=7,
    predictions=(
        Prediction(class_index=285, score=0.125, label="Egyptian cat"),
        Prediction(class_index=281, score=0.06, label=None),
    ),
)
GONE = Row(picture="gone.png", generation=8, error=PictureError(code="gone", message="it was deleted"))


def test_a_row_names_the_best_class_first_and_every_class_with_its_score() -> None:
    assert json.loads(render_row(CAT, score_digits=2)) == {
        "format": 1,
        "image": "cat.jpg",
        "generation": 7,
        "predicted_class": 285,
        "top_k_predictions": [
            {"class_index": 285, "score": 0.12, "label": "Egyptian cat"},
            {"class_index": 281, "score": 0.06},
        ],
    }


def test_the_codelabs_lines_are_as_its_workload_wrote_them() -> None:
    assert render_codelab_line(GONE, score_digits=4) == (
        "Image: gone.png, Response: {'error': 'it was deleted'}\n"
    )
    assert render_codelab_line(CAT, score_digits=4) == (
        "Image: cat.jpg, Response: {'predicted_class': 285, 'top_k_predictions': ["
        "{'class_index': 285, 'score': 0.125, 'label': 'Egyptian cat'}, "
        "{'class_index': 281, 'score': 0.06}]}\n"
    )


def test_an_error_is_written_for_people_too() -> None:
    error = JobError(family="denied", message="`x` says no", hint="ask the owner")
    assert render_error(error).splitlines() == [
        "{",
        '  "format": 1,',
        '  "family": "denied",',
        '  "message": "`x` says no",',
        '  "hint": "ask the owner"',
        "}",
    ]
    claims = json.loads(render_error(replace(error, claims={"swname": "CONFIDENTIAL_SPACE"})))["claims"]
    assert claims == {"swname": "CONFIDENTIAL_SPACE"}


def test_an_error_s_claims_are_an_object() -> None:
    error = {"format": 1, "family": "f", "message": "m", "hint": "h", "claims": ["x"]}
    with pytest.raises(Misconfigured):
        parse_error(json.dumps(error))


@pytest.mark.parametrize(
    ("parse", "what"),
    [
        (parse_row, "a row of the results"),
        (parse_error, "`error.json`"),
        (parse_timings, "the line `timings`"),
    ],
)
def test_what_is_refused_is_called_by_its_name(parse: Callable[[str], object], what: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse("[]")
    assert refused.value.message == f"{what} is not as this program writes it"
    with pytest.raises(Misconfigured) as refused:
        parse("{}")
    assert refused.value.message == f"`format` is missing in {what}; this program reads 1 alone"
