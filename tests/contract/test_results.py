"""What the operator is given reads back as it was written, and in no other format.

To the letter: other programs read it, and so did the codelab's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.errors import Misconfigured
from contract.job import LeftOut
from contract.results import (
    JobError,
    JobTimings,
    PictureError,
    Prediction,
    Row,
    is_ours,
    parse_error,
    parse_row,
    parse_timings,
    render_codelab_line,
    render_error,
    render_left_out,
    render_row,
    render_timings,
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
ERROR = JobError(family="denied", message="`x` says no", hint="ask the owner")
TIMINGS = JobTimings(
    whole_s=2.5, steps={"fetch": (0.5, 1.0), "infer": (1.0, None)}, moments={"first_row": 1.5}
)

names = st.text(st.characters(exclude_categories=["Cs"]))
rows = st.builds(
    Row,
    picture=names,
    generation=st.integers(1, 2**63),
    predictions=st.lists(
        st.builds(
            Prediction,
            class_index=st.integers(0, 2**31),
            score=st.floats(-1e6, 1e6).map(lambda score: round(score, 9)),
            label=st.none() | names,
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
) | st.builds(
    Row,
    picture=names,
    generation=st.integers(1, 2**63),
    error=st.builds(PictureError, code=names, message=names),
)


@given(row=rows)
def test_any_row_is_one_line_that_reads_back(row: Row) -> None:
    line = render_row(row, score_digits=9)
    assert line.count("\n") == 1
    assert parse_row(line) == row


@given(row=rows)
def test_the_codelabs_line_is_one_line_whatever_a_picture_is_called(row: Row) -> None:
    assert len(render_codelab_line(row, score_digits=9).splitlines()) == 1


def test_on_the_wire_a_picture_is_called_image() -> None:
    said = json.loads(render_row(GONE, score_digits=4))
    assert said == {
        "format": 1,
        "image": "gone.png",
        "generation": 8,
        "error": {"code": "gone", "message": "it was deleted"},
    }


def test_a_score_has_the_digits_that_the_terms_allow() -> None:
    assert parse_row(render_row(CAT, score_digits=1)).predictions[0].score == 0.1


def test_an_error_and_timings_read_back() -> None:
    assert parse_error(render_error(ERROR)) == ERROR
    refused = replace(ERROR, claims={"iss": "x", "submods": {"gce": {}}})
    assert parse_error(render_error(refused)) == refused
    logged = json.dumps({"severity": "INFO", "message": "timings", **render_timings(TIMINGS)})
    assert parse_timings(logged) == TIMINGS


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("result", True),
        ("result-00000.jsonl", True),
        ("error.json", True),
        ("receipt.json", True),
        ("job.json", True),
        ("claim.json", True),
        ("result-0.jsonl", False),
        ("result.jsonl", False),
        ("timings", False),
        ("notes.txt", False),
        ("", False),
    ],
)
def test_whoever_clears_a_folder_knows_our_objects_from_theirs(name: str, ours: bool) -> None:
    assert is_ours(name) is ours


@pytest.mark.parametrize(
    ("other_names", "placeholders", "said"),
    [
        (0, 0, ""),
        (1, 0, "Left out: 1 object with another name\n"),
        (2, 1, "Left out: 2 objects with other names, 1 placeholder of a folder\n"),
        (0, 2, "Left out: 2 placeholders of folders\n"),
    ],
)
def test_what_was_passed_over_is_counted_below_the_pictures(
    other_names: int, placeholders: int, said: str
) -> None:
    assert render_left_out(LeftOut(other_names=other_names, placeholders=placeholders)) == said


READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "row": (render_row(CAT, score_digits=4), parse_row),
    "error": (render_error(ERROR), parse_error),
    "timings": (json.dumps(render_timings(TIMINGS)), parse_timings),
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    ("format", "said"),
    [
        (None, "`format` is missing in .*; this program reads 1 alone"),
        (2, "`format` in .* is `2`; this program reads 1 alone"),
        (True, "`format` in .* is `True`"),
        ("1", "`format` in .* is `1`"),
    ],
)
def test_no_other_format_is_read(kind: str, format: object, said: str) -> None:
    text, parse = READERS[kind]
    document = {**json.loads(text), "format": format}
    with pytest.raises(Misconfigured, match=said) as refused:
        parse(json.dumps(document))
    assert refused.value.hint


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("text", ["", "[]", "1", "[" * 100_000, '{"format": 1}', "{"])
def test_anything_else_is_refused_in_one_line(kind: str, text: str) -> None:
    _, parse = READERS[kind]
    with pytest.raises(Misconfigured, match="is not as this program writes it") as refused:
        parse(text)
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("row", "image", 1),
        ("row", "generation", "7"),
        ("row", "generation", True),
        ("row", "top_k_predictions", {}),
        ("row", "top_k_predictions", [1]),
        ("row", "top_k_predictions", [{"class_index": "1", "score": 0.5}]),
        ("row", "top_k_predictions", [{"class_index": 1, "score": "0.5"}]),
        ("row", "top_k_predictions", [{"class_index": 1, "score": 0.5, "label": None}]),
        ("row", "error", "it is gone"),
        ("row", "error", {"code": "gone"}),
        ("error", "hint", None),
        ("timings", "whole_s", "1"),
        ("timings", "steps", []),
        ("timings", "steps", {"fetch": [1.0]}),
        ("timings", "steps", {"fetch": 1.0}),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, name: str, value: object) -> None:
    text, parse = READERS[kind]
    with pytest.raises(Misconfigured, match="is not as this program writes it"):
        parse(json.dumps({**json.loads(text), name: value}))


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
    named = replace(error, code="licence-used-up")
    assert json.loads(render_error(named))["code"] == "licence-used-up"
    assert parse_error(render_error(named)) == named


def test_an_error_s_code_is_a_text() -> None:
    error = {"format": 1, "family": "f", "message": "m", "hint": "h", "code": 7}
    with pytest.raises(Misconfigured):
        parse_error(json.dumps(error))


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
