"""What `symbolon operator results prove` answers: that one row is among those of the job's receipt."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from attestation.errors import ExitCode, Misconfigured, quoted
from contract.parts import parse_part, parse_part_name
from contract.receipt import Statement, parse_receipt, parse_statement
from contract.results import RECEIPT_NAME, parse_row
from contract.row_proof import prove_row, render_row_proof

from ..progress import patience
from ..result_folders import ResultFolder, open_result_folder, read_object


def prove(*, results: str, picture: str) -> ExitCode:
    """The proof of the row of `picture` stands on standard output, for `auditor receipt verify --proof`.

    Raises:
        Misconfigured: there is no receipt, no such row, or the rows are not those of the receipt; or the
            folder cannot be read.
        EvidenceRejected: the receipt is none.
        Denied, Unavailable: the folder cannot be read.
    """
    folder = open_result_folder(results)
    data = read_object(folder, RECEIPT_NAME)
    if data is None:
        raise Misconfigured(
            f"there is no `{RECEIPT_NAME}` in {quoted(results)}",
            hint="a job writes it at its end: name the job's folder",
        )
    statement = parse_statement(parse_receipt(data).payload)
    with patience("reading the rows"):
        rows = list(_rows(folder, statement))
        index = _index_of(picture, rows)
        proof = prove_row(rows, index)
    if proof.root() != statement.rows.root or proof.size != statement.rows.size:
        raise Misconfigured(
            f"the rows in {quoted(results)} are not those that its receipt was made for",
            hint="`symbolon auditor receipt verify --results` says which object differs",
        )
    sys.stdout.write(render_row_proof(proof))
    return ExitCode.YES


def _rows(folder: ResultFolder, statement: Statement) -> Iterator[bytes]:
    for subject in statement.subjects:
        if parse_part_name(subject.name) is None:
            continue
        data = read_object(folder, subject.name)
        if data is None:
            raise Misconfigured(f"`{subject.name}` is not there", hint="a proof needs all parts of the job")
        yield from parse_part(data, where=subject.name).rows


def _index_of(picture: str, rows: list[bytes]) -> int:
    for index, line in enumerate(rows):
        # JSON may write a letter in two ways, so the row is read; most lines are passed over unread.
        may_be = picture.encode(errors="surrogateescape") in line or b"\\" in line
        if may_be and _picture_of(line) == picture:
            return index
    example = _picture_of(rows[0]) if rows else "photos/cat.jpg"
    raise Misconfigured(
        f"no row is of {quoted(picture)}", hint=f"name it as its row does, such as {quoted(example)}"
    )


def _picture_of(line: bytes) -> str:
    try:
        return parse_row(line.decode()).picture
    except UnicodeDecodeError:
        raise Misconfigured("a row of the results is not UTF-8", hint="this program writes none") from None
