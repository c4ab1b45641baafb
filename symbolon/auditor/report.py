"""What `symbolon auditor report` writes: one dated record of a policy's review, its image, and its terms.

The record is made of what it speaks of, now, and not of earlier results, which anybody could have edited. The
same inputs, time and tools give the same bytes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attestation.errors import ExitCode

from ..inputs import WrongUsage
from ..rendering import columns, console, print_json, printable_lines
from ..reports.record import Input, Record
from ..reports.report import Entry, Report, Section, Tone
from ..reports.web_page import render_web_page
from ..steps import Steps
from ..whole_files import write
from .auditing import Audited, audit
from .image import record_of_audit
from .image_order import Order
from .image_report import document_of, report_of, verdict_of
from .review import Reviewed, make_review
from .sbom import check_sbom_can_be_written, render_sbom

PAGE: Final = "report.html"
DOCUMENT: Final = "report.json"
SBOM: Final = "sbom.spdx.json"
_ANSWERS: Final[dict[ExitCode, tuple[str, str, Tone]]] = {
    ExitCode.YES: ("yes", "PASS", "good"),
    ExitCode.ANSWERED_NO: ("no", "FAIL", "bad"),
    ExitCode.UNKNOWN: ("not known", "NOT KNOWN", "warn"),
}


def make_report(
    order: Order,
    *,
    folder: Path,
    fail_on: str,
    accept_bounds: bool,
    with_sbom: bool,
    output: str,
    now: datetime,
) -> ExitCode:
    """The folder has the record as a page and as JSON; `now` is the time that it bears.

    Raises:
        WrongUsage: no policy was named, or one that can be read once.
        SymbolonError: as `auditing.audit` does; the folder cannot be written to.
    """
    if order.policy is None:
        raise WrongUsage("a record is of a policy too", hint="name it with --policy")
    if "-" in (order.policy, order.bindings):
        raise WrongUsage(
            "a record reads the policy twice, and standard input can be read once",
            hint="put it into a file",
        )
    if with_sbom:
        check_sbom_can_be_written()
    with tempfile.TemporaryDirectory(prefix="symbolon-") as scratch, Steps() as steps:
        audited = audit(order, Path(scratch), steps)
        steps.begin("reviewing the policy")
        reviewed = make_review(
            policy=order.policy,
            bindings=order.bindings,
            image=None,
            fail_on=fail_on,
            accept_bounds=accept_bounds,
            attack=order.attack,
            now=now,
        )
    code = worst_of(audited.exit_code, reviewed.passes.exit_code)
    record = _record(audited, reviewed, now=now)
    document = _document(audited, reviewed, record, code)
    files = {
        PAGE: render_web_page(_report(audited, reviewed, record, code)),
        DOCUMENT: json.dumps(document, indent=2, sort_keys=True) + "\n",
    }
    if with_sbom:
        files[SBOM] = render_sbom(audited.asked, audited.packages, made_at=now)
    write(folder, files)
    if output == "json":
        print_json({"verdict": document["verdict"], "made_at": record.moment, "files": sorted(files)})
    else:
        rows = [("answer", f"{_ANSWERS[code][1]}: {_sentence(audited, reviewed)}"), ("made", record.moment)]
        rows += [("file", str(folder / name)) for name in files]
        console().print(printable_lines(columns(rows)))
    return code


def worst_of(*codes: ExitCode) -> ExitCode:
    """No, where one says no; else unknown, where one does not know.

    >>> worst_of(ExitCode.YES, ExitCode.UNKNOWN).name
    'UNKNOWN'
    """
    for code in (ExitCode.ANSWERED_NO, ExitCode.UNKNOWN):
        if code in codes:
            return code
    return ExitCode.YES


def _sentence(audited: Audited, reviewed: Reviewed) -> str:
    return f"{verdict_of(audited)}; its review: {reviewed.passes.verdict}"


def _record(audited: Audited, reviewed: Reviewed, *, now: datetime) -> Record:
    """One record of both: each input stands in it once."""
    image, policy = record_of_audit(audited, now=now), reviewed.record
    inputs: dict[tuple[str, str], Input] = {}
    for each in (*image.inputs, *policy.inputs):
        inputs.setdefault((each.role, each.sha256), each)
    return replace(
        image,
        question=f"{image.question} {policy.question}",
        inputs=tuple(inputs.values()),
        assumptions=tuple(dict.fromkeys((*image.assumptions, *policy.assumptions))),
    )


def _document(audited: Audited, reviewed: Reviewed, record: Record, code: ExitCode) -> dict[str, Any]:
    review = {name: value for name, value in reviewed.document().items() if name != "record"}
    return {
        "format": 1,
        "verdict": _ANSWERS[code][0],
        "image": document_of(audited),
        "review": review,
        "record": record.document(),
    }


def _report(audited: Audited, reviewed: Reviewed, record: Record, code: ExitCode) -> Report:
    _, answer, tone = _ANSWERS[code]
    passes = reviewed.passes
    summary = Entry(mark=passes.verdict, tone=passes.tone, label="the review", text=reviewed.review.verdict)
    return Report(
        title="audit of an image and its policy",
        about=f"{audited.asked}, {record.moment}",
        answer=answer,
        tone=tone,
        verdict=_sentence(audited, reviewed),
        sections=tuple(_sections(audited, reviewed, summary)),
        record=record,
    )


def _sections(audited: Audited, reviewed: Reviewed, summary: Entry) -> Iterator[Section]:
    first, *image = report_of(audited).sections
    yield replace(first, entries=(*first.entries, summary))
    yield from image
    for each in reviewed.report().sections:
        yield replace(each, title=f"the policy: {each.title}")
