"""What the operator is given, each form of it with its writer and its reader.

- a **row**, one line of a part `result-NNNNN.jsonl` (`contract.parts`), for each picture in listing order:

      {"format": 1, "image", "generation", "predicted_class",
       "top_k_predictions": [{"class_index", "score", "label"?}]}
      {"format": 1, "image", "generation", "error": {"code", "message"}}

  Each line states the version itself, so that parts can be cut and joined as JSON Lines are.
- **`result`**, the same as the codelab's workload wrote it, `Image: X, Response: {…}` a line. It has no
  version and no reader here: it is for programs that read the codelab's. Where the folder held objects that
  are no pictures, a last line, `Left out: …`, counts them.
- **`error.json`**, why a job ended without all its results: `{"format": 1, "family", "message", "hint",
  "claims"?}`. After a refusal, `claims` is what the refused token said; the token itself is nowhere.
- **timings**, the last line of a job's log: `{"format": 1, "NAME_s", …, "whole_s", "steps"}`, the last one
  `{NAME: [began, ended]}`.

A picture is called `image` in a row and in `result`, as the sample wrote it; everywhere else, in our own
names and in what a person reads, *image* is the container's.

Source: GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attestation.errors import Misconfigured, printable

from . import claim, job
from .formats import check_format
from .job import LeftOut
from .parts import parse_part_name

FORMAT = 1
CODELAB_NAME, ERROR_NAME, RECEIPT_NAME = "result", "error.json", "receipt.json"
LAST_NAME = RECEIPT_NAME
"""The object that a job writes last: where it is, with every part, the job is finished."""
_NAMES = {CODELAB_NAME, ERROR_NAME, RECEIPT_NAME, job.NAME, claim.NAME}
ROW, ERROR, TIMINGS = "a row of the results", "`error.json`", "the line `timings`"
_HINT = "read it with the version of this program that the image was published from"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One class and its score; `label` where the owner's terms name classes."""

    class_index: int
    score: float
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureError:
    """Why a picture has no classes: `code` for programs, the message for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is said of one picture: its best classes, best first, or why there are none."""

    picture: str
    generation: int
    predictions: tuple[Prediction, ...] = ()
    error: PictureError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job ended without all its results; `family` says who acts next.

    `code` names the failure, for `symbolon --explain`; "" where an older image wrote none. `claims` are those
    of the token that was refused, where one was. Nobody signed them here.
    """

    family: str
    message: str
    hint: str
    claims: Mapping[str, Any] | None = None
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTimings:
    """When each step began and ended (None: it has not), in seconds since the process was started.

    `moments` are when something happened for the first time.
    """

    whole_s: float
    steps: Mapping[str, tuple[float, float | None]]
    moments: Mapping[str, float] = field(default_factory=dict)


def is_ours(name: str) -> bool:
    """An object of this name, within the job's folder, is one that this program writes.

    >>> [is_ours(name) for name in ("result", "result-00000.jsonl", "result-0.jsonl", "notes.txt")]
    [True, True, False, False]
    """
    return name in _NAMES or parse_part_name(name) is not None


def render_row(row: Row, *, score_digits: int) -> str:
    """The line of a part, its end included: `score_digits` digits after the decimal point of each score."""
    said = {"format": FORMAT, "image": row.picture, "generation": row.generation}
    return json.dumps({**said, **_answer(row, score_digits)}) + "\n"


def parse_row(line: str) -> Row:
    """What `render_row` wrote.

    Raises:
        Misconfigured: its format is not known, or it is no such line.
    """
    document = _parse(line, ROW)
    try:
        picture, generation = _take(document, "image", str), _take(document, "generation", int)
        if "error" in document:
            error = _take(document, "error", dict)
            code, message = _take(error, "code", str), _take(error, "message", str)
            return Row(picture=picture, generation=generation, error=PictureError(code=code, message=message))
        predictions = map(_parse_prediction, _take(document, "top_k_predictions", list))
        return Row(picture=picture, generation=generation, predictions=tuple(predictions))
    except (LookupError, TypeError):
        raise _not_written_here(ROW) from None


def _parse_prediction(said: dict[str, Any]) -> Prediction:
    return Prediction(
        class_index=_take(said, "class_index", int),
        score=float(_take(said, "score", float, int)),
        label=_take(said, "label", str) if "label" in said else None,
    )


def render_codelab_line(row: Row, *, score_digits: int) -> str:
    """The line of `result`: as the codelab's workload writes it, whose `error` is a text; always one line.

    >>> gone = PictureError(code="gone", message="it is gone")
    >>> render_codelab_line(Row(picture="cat.jpg", generation=1, error=gone), score_digits=4)
    "Image: cat.jpg, Response: {'error': 'it is gone'}\\n"
    """
    answer = {"error": row.error.message} if row.error is not None else _answer(row, score_digits)
    return f"Image: {printable(row.picture)}, Response: {answer}\n"


def render_left_out(left_out: LeftOut) -> str:
    """What `result` says below its pictures of the objects that are none: nothing where there are none.

    >>> render_left_out(LeftOut(other_names=2, placeholders=1))
    'Left out: 2 objects with other names, 1 placeholder of a folder\\n'
    """
    counts = (
        (left_out.other_names, "object", "with another name", "with other names"),
        (left_out.placeholders, "placeholder", "of a folder", "of folders"),
    )
    said = [
        f"1 {what} {of_one}" if count == 1 else f"{count} {what}s {of_many}"
        for count, what, of_one, of_many in counts
        if count
    ]
    return f"Left out: {', '.join(said)}\n" if said else ""


def render_error(error: JobError) -> str:
    """The content of `error.json`."""
    said: dict[str, Any] = {"family": error.family, "message": error.message, "hint": error.hint}
    if error.code:
        said["code"] = error.code
    if error.claims is not None:
        said["claims"] = dict(error.claims)
    return json.dumps({"format": FORMAT, **said}, indent=2) + "\n"


def parse_error(text: str) -> JobError:
    """What `render_error` wrote.

    Raises:
        Misconfigured: its format is not known, or it is no such document.
    """
    document = _parse(text, ERROR)
    try:
        said = {name: _take(document, name, str) for name in ("family", "message", "hint")}
        claims = _take(document, "claims", dict) if "claims" in document else None
        code = _take(document, "code", str) if "code" in document else ""
        return JobError(**said, claims=claims, code=code)
    except (LookupError, TypeError):
        raise _not_written_here(ERROR) from None


def render_timings(timings: JobTimings) -> dict[str, Any]:
    """The members of the log's line, after its `severity` and `message`."""
    return {
        "format": FORMAT,
        **{f"{name}_s": at for name, at in timings.moments.items()},
        "whole_s": timings.whole_s,
        "steps": {step: list(span) for step, span in timings.steps.items()},
    }


def parse_timings(line: str) -> JobTimings:
    """What `render_timings` gave the log; what else the line holds is not looked at.

    Raises:
        Misconfigured: its format is not known, or it is no such line.
    """
    document = _parse(line, TIMINGS)
    try:
        steps = _take(document, "steps", dict)
        return JobTimings(
            whole_s=_take(document, "whole_s", float, int),
            steps={step: (began, ended) for step, (began, ended) in steps.items()},
            moments={
                name.removesuffix("_s"): at
                for name, at in document.items()
                if name.endswith("_s") and name != "whole_s"
            },
        )
    except (LookupError, TypeError, ValueError):
        raise _not_written_here(TIMINGS) from None


def _answer(row: Row, score_digits: int) -> dict[str, Any]:
    if row.error is not None:
        return {"error": {"code": row.error.code, "message": row.error.message}}
    return {
        "predicted_class": row.predictions[0].class_index,
        "top_k_predictions": [
            {
                "class_index": prediction.class_index,
                "score": round(prediction.score, score_digits),
                **({"label": prediction.label} if prediction.label is not None else {}),
            }
            for prediction in row.predictions
        ],
    }


def _parse(text: str, what: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _not_written_here(what) from None
    if not isinstance(document, dict):
        raise _not_written_here(what)
    check_format(document.get("format"), known=FORMAT, what=what, hint=_HINT)
    return document


def _take(document: dict[str, Any], name: str, *kinds: type) -> Any:
    value = document[name]
    if type(value) not in kinds:
        raise TypeError
    return value


def _not_written_here(what: str) -> Misconfigured:
    return Misconfigured(f"{what} is not as this program writes it", hint=_HINT)
