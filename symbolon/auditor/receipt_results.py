"""The results that a receipt speaks of, held against it: every object, every row, every input.

Nothing is believed of what lies in the folder: an object counts where its SHA-256 is the one that the
statement has. An object that is named as results are (`result`, `result*.jsonl`) and is not in the statement
is refused, because whoever reads the folder would read it as well.
"""

from __future__ import annotations

import hashlib

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured, quoted
from contract.merkle import Accumulator
from contract.parts import Part, parse_part, parse_part_name, render_leaf
from contract.receipt import Root, Statement, Subject, row_leaf
from contract.results import CODELAB_NAME, Row, parse_row

from ..result_folders import ResultFolder, read_object

_CHUNK_BYTES = 1 << 20


class ResultsDiffer(EvidenceRejected):
    """The results are not those that the receipt was made for."""

    code = "results-differ"


def check_results(statement: Statement, results: ResultFolder) -> int:
    """The results are those of the statement; how many of their rows are errors.

    Memory: one part at a time, and some digests.

    Raises:
        ResultsDiffer: they are not.
        Misconfigured, Denied, Unavailable: they cannot be read.
    """
    _check_names(statement, results)
    rows, inputs, unreadable = Accumulator(), Accumulator(), 0
    for subject in statement.subjects:
        if parse_part_name(subject.name) is None:
            if _digest_of(subject, results) != subject.digest:
                raise _changed(subject)
            continue
        part = _part(subject, statement, results)
        for line, leaf in zip(part.rows, part.inputs, strict=True):
            row = _row(line, subject)
            if (row.picture, row.generation) != (leaf.name, leaf.generation):
                raise ResultsDiffer(f"in `{subject.name}`, a row is not of its input")
            unreadable += row.error is not None
            rows.append(row_leaf(line))
            inputs.append(render_leaf(leaf))
    _check_root("rows", rows, statement.rows)
    _check_root("inputs", inputs, statement.inputs)
    return unreadable


def _check_names(statement: Statement, results: ResultFolder) -> None:
    stated = {subject.name for subject in statement.subjects}
    for name in results.names():
        if _is_read_as_a_result(name) and name not in stated:
            raise ResultsDiffer(f"{quoted(name)} is no part of this job, and lies among its results")


def _is_read_as_a_result(name: str) -> bool:
    return name == CODELAB_NAME or (name.startswith(CODELAB_NAME) and name.endswith(".jsonl"))


def _part(subject: Subject, statement: Statement, results: ResultFolder) -> Part:
    data = _read(subject, results)
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != subject.digest:
        raise _changed(subject)
    try:
        part = parse_part(data, where=subject.name)
    except Misconfigured as error:
        raise ResultsDiffer(error.message) from None
    if part.index != parse_part_name(subject.name) or part.job != statement.job_digest:
        raise ResultsDiffer(f"`{subject.name}` is a part of another job, or another part")
    return part


def _row(line: bytes, subject: Subject) -> Row:
    try:
        return parse_row(line.decode())
    except (UnicodeDecodeError, Misconfigured):
        raise ResultsDiffer(f"in `{subject.name}`, a line is no row") from None


def _read(subject: Subject, results: ResultFolder) -> bytes:
    data = read_object(results, subject.name)
    if data is None:
        raise ResultsDiffer(f"`{subject.name}` is not there")
    return data


def _digest_of(subject: Subject, results: ResultFolder) -> Digest:
    file = results.open(subject.name)
    if file is None:
        raise ResultsDiffer(f"`{subject.name}` is not there")
    digest = hashlib.sha256()
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return Digest(f"sha256:{digest.hexdigest()}")


def _changed(subject: Subject) -> ResultsDiffer:
    return ResultsDiffer(f"`{subject.name}` is not as it was written")


def _check_root(what: str, found: Accumulator, stated: Root) -> None:
    if (found.root(), found.size) != (stated.root, stated.size):
        raise ResultsDiffer(f"the {what} are not those that the statement has the root of")
