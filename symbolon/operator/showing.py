"""What `symbolon operator results show` shows: the classes of each picture, as a table, CSV, JSON or a page.

Nothing of it is verified: `symbolon auditor receipt verify` does that.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from attestation.errors import ExitCode, Misconfigured, SymbolonError, printable, quoted
from contract.job import NAME as JOB_NAME
from contract.job import JobRecord, parse_job
from contract.parts import parse_part, parse_part_name
from contract.results import ERROR_NAME, RECEIPT_NAME, Prediction, Row, parse_error, parse_row
from contract.uris import FolderUri, parse_folder_uri

from ..progress import patience
from ..rendering import Styled, console, print_json, shortened, styled
from ..result_folders import ResultFolder, open_result_folder, read_object
from .contact_sheet import Sheet, render_contact_sheet
from .photos import Photos

_MOST_IN_A_LINE: Final = 3
_WIDEST_NAME: Final = 40
_FILES: Final = ("results.csv", "results.json", "results.html")
_FORMULAS: Final = tuple("=+-@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a job has written so far; `job` is None where its record cannot be read."""

    folder: str
    rows: tuple[Row, ...]
    job: JobRecord | None
    is_finished: bool

    @property
    def expected(self) -> int:
        """How many pictures the job listed."""
        return len(self.rows) if self.job is None else len(self.job.pictures)

    @property
    def unreadable(self) -> int:
        return sum(row.error is not None for row in self.rows)

    @property
    def in_short(self) -> str:
        """How many there are, for a person."""
        said = f"{len(self.rows)} of {self.expected} pictures"
        if self.unreadable:
            said += f", {self.unreadable} of them could not be read"
        return said if self.is_finished else f"{said}; the job is not finished"


def show(*, results: str, output: str, into: Path | None, photos: Path | None) -> ExitCode:
    """The results stand on standard output, and with `into` in files there: a page with photos among them.

    `photos` is a folder of this machine with the pictures; else they are read from where the job read them.

    Raises:
        Misconfigured: there are no results, one is none of ours, or a file cannot be written.
        Denied, Unavailable: the folder cannot be read.
    """
    with patience("reading results"):
        found = read_results(results)
    if into is not None:
        with patience("reading photos"):
            names = _write(found, into, Photos(None if found.job is None else found.job.input, folder=photos))
        if output == "human":
            sys.stdout.write("".join(f"{name}\n" for name in names))
            return ExitCode.YES
    if output == "json":
        print_json(document_of(found))
    elif output == "csv":
        sys.stdout.write(render_csv(found.rows))
    else:
        _print(found)
    return ExitCode.YES


def read_results(results: str) -> Results:
    """Every row that lies in the folder, in the order of the job's listing.

    Raises:
        Misconfigured: there is none; or an object is none of ours.
        Denied, Unavailable: the folder cannot be read.
    """
    folder = open_result_folder(results)
    names = sorted(folder.names())
    rows = tuple(_rows(folder, [name for name in names if parse_part_name(name) is not None]))
    if not rows:
        raise Misconfigured(f"there are no results in {quoted(results)}", hint=_why_none(folder))
    return Results(folder=results, rows=rows, job=_job(folder, results), is_finished=RECEIPT_NAME in names)


def _rows(folder: ResultFolder, names: Sequence[str]) -> Iterator[Row]:
    for name in names:
        data = read_object(folder, name)
        if data is not None:
            yield from (
                parse_row(line.decode("utf-8", "replace")) for line in parse_part(data, where=name).rows
            )


def _job(folder: ResultFolder, results: str) -> JobRecord | None:
    data = read_object(folder, JOB_NAME)
    nowhere = FolderUri(bucket="results", prefix="")
    where = parse_folder_uri(results, where="RESULTS") if results.startswith("gs://") else nowhere
    try:
        return None if data is None else parse_job(data, folder=where)[0]
    except Misconfigured:
        return None


def _why_none(folder: ResultFolder) -> str:
    data = read_object(folder, ERROR_NAME)
    try:
        error = None if data is None else parse_error(data.decode("utf-8", "replace"))
    except SymbolonError:
        error = None
    if error is None:
        return (
            "is it the folder that the job was launched with? It holds nothing before the first part is done"
        )
    return f"its job ended as {quoted(error.family)}: {printable(error.message)}"


def document_of(found: Results) -> dict[str, object]:
    """What `--format json` shows."""
    return {
        "folder": found.folder,
        "image_digest": None if found.job is None else found.job.image_digest,
        "listed": found.expected,
        "finished": found.is_finished,
        "pictures": [_document(row) for row in found.rows],
    }


def _document(row: Row) -> dict[str, object]:
    said: dict[str, object] = {"picture": row.picture, "generation": str(row.generation)}
    if row.error is not None:
        return {**said, "error": {"code": row.error.code, "message": row.error.message}}
    classes = [
        {"class_index": each.class_index, "label": each.label, "score": each.score}
        for each in row.predictions
    ]
    return {**said, "classes": classes}


def render_csv(rows: Sequence[Row]) -> str:
    """One line for each class of each picture, best first, and one for a picture that has none.

    A text that a spreadsheet would take for a formula has an apostrophe before it: labels are the owner's.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["picture", "generation", "rank", "class_index", "label", "score", "error"])
    for row in rows:
        name = _no_formula(row.picture)
        for rank, each in enumerate(row.predictions, 1):
            label = _no_formula(each.label or "")
            writer.writerow([name, row.generation, rank, each.class_index, label, each.score, ""])
        if row.error is not None:
            writer.writerow([name, row.generation, "", "", "", "", _no_formula(row.error.message)])
    return file.getvalue()


def _no_formula(text: str) -> str:
    text = printable(text)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _print(found: Results) -> None:
    terminal = console()
    names = [shortened(printable(row.picture), _WIDEST_NAME) for row in found.rows]
    labels = [_best(row) for row in found.rows]
    wide, broad = max(map(len, names)), max(map(len, labels))
    for row, name, label in zip(found.rows, names, labels, strict=True):
        terminal.print(_line(row, f"{name:<{wide}}", f"{label:<{broad}}"))
    terminal.print()
    terminal.print(f"{found.in_short}; not verified: `symbolon auditor receipt verify` does that")


def _best(row: Row) -> str:
    return label_of(row.predictions[0]) if row.predictions else ""


def _line(row: Row, name: str, label: str) -> Styled:
    if row.error is not None:
        return styled(f"{name}  ", (f"{row.error.code}: {printable(row.error.message)}", "yellow"))
    best, *rest = row.predictions
    others = ", ".join(f"{label_of(each)} {each.score:.2f}" for each in rest[: _MOST_IN_A_LINE - 1])
    return styled(
        f"{name}  ", (label, "bold"), f"  {best.score:.2f}", (f"  {others}" if others else "", "dim")
    )


def label_of(prediction: Prediction) -> str:
    """The class's label, or its number where the owner names none."""
    return printable(prediction.label) if prediction.label else f"class {prediction.class_index}"


def _write(found: Results, into: Path, photos: Photos) -> list[str]:
    sheet = Sheet(
        title=found.folder,
        in_short=found.in_short,
        image_digest="" if found.job is None else found.job.image_digest,
        rows=found.rows,
    )
    texts = (
        render_csv(found.rows),
        json.dumps(document_of(found), indent=2, ensure_ascii=False) + "\n",
        render_contact_sheet(sheet, photos),
    )
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, text in zip(_FILES, texts, strict=True):
            unfinished = into / f".{name}.part"
            try:
                unfinished.write_text(text, encoding="utf-8")
                unfinished.replace(into / name)
            finally:
                unfinished.unlink(missing_ok=True)  # where it has not become the file
    except OSError as error:
        raise Misconfigured(
            f"cannot write into {quoted(str(into))}: {(error.strerror or 'no reason given').lower()}",
            hint="name a folder that may be written to, with room in it",
        ) from None
    return [str(into / name) for name in _FILES]
