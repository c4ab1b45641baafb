"""What `symbolon auditor image` answers: whether an image is what its sources make."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from attestation.errors import ExitCode

from ..rendering import print_json
from ..reports import print_report
from ..reports.record import Record, record_of
from ..steps import Steps
from ..whole_files import write
from .auditing import Audited, audit
from .image_order import Order
from .image_report import document_of, report_of
from .sbom import check_sbom_can_be_written, render_sbom


def audit_image(order: Order, *, sbom: Path | None, output: str, now: datetime) -> ExitCode:
    """The audit stands on standard output, and the SBOM in its file.

    Raises:
        SymbolonError: as `auditing.audit` does; the SBOM cannot be written.
    """
    if sbom is not None:
        check_sbom_can_be_written()
    with tempfile.TemporaryDirectory(prefix="symbolon-") as folder, Steps() as steps:
        audited = audit(order, Path(folder), steps)
    if sbom is not None:
        write_sbom(sbom, audited, now=now)
    record = record_of_audit(audited, now=now)
    if output == "json":
        print_json(document_of(audited) | {"record": record.document()})
    else:
        print_report(replace(report_of(audited), record=record), output=output)
    return audited.exit_code


def record_of_audit(audited: Audited, *, now: datetime) -> Record:
    """The audit's record: its question names the image, and its inputs are the files."""
    named = audited.policy_named
    inputs = [("terms", audited.terms_named), *(() if named is None else named.inputs)]
    inputs += [] if audited.key_policy_named is None else [("key policy", audited.key_policy_named)]
    rests_on = (*(() if audited.policy is None else audited.policy.rests_on), *audited.seal.rests_on)
    question = f"is the image `{audited.asked}` what its sources make?"
    return record_of(question, inputs, now=now, assumptions=rests_on)


def write_sbom(path: Path, audited: Audited, *, now: datetime) -> None:
    """The SBOM is in the file.

    Raises:
        Misconfigured: it cannot be written.
    """
    write(path.parent, {path.name: render_sbom(audited.asked, audited.packages, made_at=now)})
